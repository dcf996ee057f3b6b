import hashlib
import socket
import threading
import unittest

from harness import cluster, mysql_client

NONCE = b"abcdefghABCDEFGHIJKL"
OK = b"\0\0\0\2\0\0\0"


def packet(sequence, payload):
    return len(payload).to_bytes(3, "little") + bytes([sequence]) + payload


def greeting(plugin):
    return (b"\x0a10.11.0\0" + (1).to_bytes(4, "little") + NONCE[:8] + b"\0" + b"\xff\xff" + b"\x2d" + b"\2\0" +
            b"\xff\xff" + b"\x15" + bytes(10) + NONCE[8:] + b"\0" + plugin + b"\0")


class LogOn(unittest.TestCase):
    """The client against a peer that says what it is told to, packet by packet, and keeps the answers."""

    def run_against(self, *says):
        ours, theirs = socket.socketpair()
        heard = []

        def peer():
            with theirs:
                for text in says:
                    theirs.sendall(text)
                    heard.append(theirs.recv(4096))

        thread = threading.Thread(target=peer)
        thread.start()
        client = mysql_client.Client(ours)
        try:
            client.log_on(cluster.Account("app", "secret", "db"))
        finally:
            client.close()
            thread.join()
        return heard

    def test_proves_the_password_natively(self):
        stage1 = hashlib.sha1(b"secret").digest()
        proof = bytes(a ^ b for a, b in zip(stage1, hashlib.sha1(NONCE + hashlib.sha1(stage1).digest()).digest()))
        heard = self.run_against(packet(0, greeting(b"mysql_native_password")), packet(2, OK))
        self.assertEqual(heard[0][3], 1)
        self.assertTrue(heard[0].endswith(b"app\0\x14" + proof + b"db\0mysql_native_password\0"))

    def test_follows_a_switch(self):
        switch = packet(2, b"\xfecaching_sha2_password\0" + NONCE + b"\0")
        heard = self.run_against(packet(0, greeting(b"mysql_native_password")), switch,
                                 packet(4, b"\x01\x03") + packet(5, OK))
        self.assertEqual(heard[1], packet(3, mysql_client.caching_sha2_proof(b"secret", NONCE)))

    def test_tells_the_servers_error(self):
        refusal = packet(2, b"\xff" + (1045).to_bytes(2, "little") + b"#28000Access denied")
        with self.assertRaisesRegex(RuntimeError, "error 1045: .*Access denied"):
            self.run_against(packet(0, greeting(b"mysql_native_password")), refusal)


class Rows(unittest.TestCase):
    EOF = b"\xfe\0\0\2\0"

    def ask(self, *payloads):
        ours, theirs = socket.socketpair()
        with theirs:
            client = mysql_client.Client(ours)
            theirs.sendall(b"".join(packet(i + 1, payload) for i, payload in enumerate(payloads)))
            try:
                return client.query("SELECT 1")
            finally:
                client.close()

    def test_reads_lengths_of_all_sizes_and_null(self):
        rows = self.ask(b"\2", b"definition", b"definition", self.EOF, b"\1a\xfb", b"\xfc\x2c\1" + b"b" * 300 + b"\0", self.EOF)
        self.assertEqual(rows, [[b"a", None], [b"b" * 300, b""]])

    def test_a_long_row_that_begins_like_an_eof_is_a_row(self):
        value = b"c" * 70000
        rows = self.ask(b"\1", b"definition", self.EOF, b"\xfd" + len(value).to_bytes(3, "little") + value,
                        b"\xfe" + (9).to_bytes(8, "little") + b"123456789", self.EOF)
        self.assertEqual(rows, [[value], [b"123456789"]])

    def test_an_error_is_told(self):
        with self.assertRaisesRegex(RuntimeError, "error 1064"):
            self.ask(b"\xff" + (1064).to_bytes(2, "little") + b"#42000no")


if __name__ == "__main__":
    unittest.main()
