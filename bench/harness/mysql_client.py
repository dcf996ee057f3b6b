"""A small client: it logs on, asks, and reads text rows. Thousands of them are a crowd of idle applications.

Source: MySQL internals manual, "Connection Phase", "Authentication Methods", "Text Resultset".
Flow: `client = connect(endpoint, account); client.execute("DO 1"); rows = client.query("SELECT 1"); client.close()`
"""

import hashlib
import socket
import struct

# LONG_PASSWORD, CONNECT_WITH_DB, PROTOCOL_41, TRANSACTIONS, SECURE_CONNECTION, PLUGIN_AUTH
CAPABILITIES = 0x1 | 0x8 | 0x200 | 0x2000 | 0x8000 | 0x80000
PACKET_MAX = 1 << 24
RECEIVE_SIZE = 1 << 16
UTF8MB4 = 45
COM_QUERY = b"\x03"


def xor(left, right):
    return bytes(a ^ b for a, b in zip(left, right))


def native_proof(password, nonce):
    stage1 = hashlib.sha1(password).digest()
    return xor(stage1, hashlib.sha1(nonce + hashlib.sha1(stage1).digest()).digest())


def caching_sha2_proof(password, nonce):
    stage1 = hashlib.sha256(password).digest()
    return xor(stage1, hashlib.sha256(hashlib.sha256(stage1).digest() + nonce).digest())


PROOFS = {"mysql_native_password": native_proof, "caching_sha2_password": caching_sha2_proof}


def proof(plugin, password, nonce):
    if not password:
        return b""
    if plugin not in PROOFS:
        raise RuntimeError(f"the server asks for {plugin}, which this client does not speak")
    return PROOFS[plugin](password.encode(), nonce[:20])


def length_encoded(data, at):
    """The number at `at`, and where what follows it begins. None: SQL NULL."""
    first = data[at]
    if first < 0xfb:
        return first, at + 1
    if first == 0xfb:
        return None, at + 1
    size = {0xfc: 2, 0xfd: 3, 0xfe: 8}[first]
    return int.from_bytes(data[at + 1:at + 1 + size], "little"), at + 1 + size


def text_row(payload):
    values = []
    at = 0
    while at < len(payload):
        size, at = length_encoded(payload, at)
        values.append(None if size is None else payload[at:at + size])
        at += size or 0
    return values


class Client:
    def __init__(self, connection):
        self.socket = connection
        self.sequence = 0
        self.received = b""
        self.connection_id = 0

    def close(self):
        self.socket.close()

    def receive_exactly(self, size):
        if len(self.received) < size:
            pieces = [self.received]
            missing = size - len(self.received)
            while missing > 0:
                piece = self.socket.recv(max(RECEIVE_SIZE, missing))
                if not piece:
                    raise RuntimeError("the server closed the connection")
                pieces.append(piece)
                missing -= len(piece)
            self.received = b"".join(pieces)
        data, self.received = self.received[:size], self.received[size:]
        return data

    def receive(self):
        header = self.receive_exactly(4)
        self.sequence = (header[3] + 1) % 256
        payload = self.receive_exactly(int.from_bytes(header[:3], "little"))
        if payload[:1] == b"\xff":
            raise RuntimeError(f"error {int.from_bytes(payload[1:3], 'little')}: {payload[3:].decode(errors='replace')}")
        return payload

    def send(self, payload):
        self.socket.sendall(len(payload).to_bytes(3, "little") + bytes([self.sequence]) + payload)
        self.sequence = (self.sequence + 1) % 256

    def log_on(self, account):
        greeting = self.receive()
        rest = greeting[greeting.index(b"\0", 1) + 1:]  # after the version's text
        self.connection_id = int.from_bytes(rest[:4], "little")
        nonce = rest[4:12] + rest[31:43]
        plugin = rest[44:].split(b"\0")[0].decode() or "mysql_native_password"
        answer = proof(plugin, account.password, nonce) if plugin in PROOFS else b""
        self.send(struct.pack("<IIB23x", CAPABILITIES, PACKET_MAX, UTF8MB4) + account.user.encode() + b"\0" +
                  bytes([len(answer)]) + answer + account.schema.encode() + b"\0" + plugin.encode() + b"\0")
        while (packet := self.receive())[:1] != b"\0":
            if packet[:1] == b"\xfe":
                plugin, _, nonce = packet[1:].partition(b"\0")
                self.send(proof(plugin.decode(), account.password, nonce))
            elif packet != b"\x01\x03":  # caching_sha2_password: the fast path did it, OK follows
                raise RuntimeError("the server asks for a full caching_sha2_password logon, which needs TLS")

    def execute(self, statement):
        """For statements that return no rows."""
        self.sequence = 0
        self.send(COM_QUERY + statement.encode())
        self.receive()

    def ask(self, statement):
        """Sends a statement whose answer is read later."""
        self.sequence = 0
        self.send(COM_QUERY + statement.encode())

    def skip_columns(self):
        """Reads an answer up to its first row: column definitions and the EOF after them."""
        columns, _ = length_encoded(self.receive(), 0)
        for _ in range(columns + 1):
            self.receive()

    def rows(self):
        """The rows that follow, as lists of bytes, up to the closing EOF (which is shorter than any row with 0xfe)."""
        while not ((payload := self.receive())[:1] == b"\xfe" and len(payload) < 9):
            yield text_row(payload)

    def query(self, statement):
        self.ask(statement)
        self.skip_columns()
        return list(self.rows())


def connect(endpoint, account, timeout_s=30):
    client = Client(socket.create_connection((endpoint.host, endpoint.port), timeout=timeout_s))
    client.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    try:
        client.log_on(account)
    except Exception:
        client.close()
        raise
    return client
