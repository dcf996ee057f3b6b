"""The cluster that is measured: a demo cluster that sluice keeps, or servers given by hand.

Flow: `add_arguments(parser)`, `cluster = opened(options, stack, scratch)`; then `cluster.raise_limits()`,
`cluster.leader`, `cluster.sluice`.
"""

import contextlib
import json
import os
import resource
import subprocess
import sys
import time
from dataclasses import dataclass, field

# Clients of one run, with room for the proxies' pools and for whoever looks on.
CONNECTIONS_MIN = 2048
PREPARED_MIN = 100_000
ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


@dataclass
class Endpoint:
    """Where sysbench connects. `pid`: the process whose CPU time is the proxy's; None: there's no proxy."""
    name: str
    host: str
    port: int
    pid: int | None = None


@dataclass
class Account:
    user: str
    password: str
    schema: str


@dataclass
class Server:
    name: str
    host: str
    port: int
    role: str
    user: str
    password: str


@dataclass
class Cluster:
    account: Account
    servers: list[Server]
    admin: Server | None = None  # sluice's admin SQL, asked like a server
    sluice: Endpoint | None = None
    sluice_config: str | None = None
    restore: list = field(default_factory=list)

    @property
    def leader(self):
        return next(server for server in self.servers if server.role == "leader")

    @property
    def replicas(self):
        return [server for server in self.servers if server.role == "replica"]

    def raise_limits(self, scratch):
        """Lets every server take the clients and the prepared statements of the largest run; `put_back` undoes it."""
        for server in self.servers:
            for name, least in (("max_connections", CONNECTIONS_MIN), ("max_prepared_stmt_count", PREPARED_MIN)):
                now = int(query(server, f"SELECT @@GLOBAL.{name}", scratch))
                if now < least:
                    query(server, f"SET GLOBAL {name} = {least}", scratch)
                    self.restore.append((server, f"SET GLOBAL {name} = {now}"))

    def put_back(self, scratch):
        while self.restore:
            server, statement = self.restore.pop()
            with contextlib.suppress(RuntimeError):
                query(server, statement, scratch)


def add_arguments(parser):
    parser.add_argument("--binary", default=os.path.join(ROOT, "build", "release", "admin", "sluice"))
    parser.add_argument("--demo", metavar="DIR", help="a demo cluster that runs already; else one is made and removed")


def opened(options, stack, scratch):
    """The demo cluster that `options` ask for; one that is made for it ends with `stack`."""
    if not os.access(options.binary, os.X_OK):
        raise RuntimeError(f"{options.binary} is not built: cmake --preset release && cmake --build --preset release")
    if options.demo:
        return from_demo(options.binary, options.demo)
    print("starting a demo cluster", file=sys.stderr, flush=True)
    os.chmod(scratch, 0o711)  # servers of a demo cluster in it run as their own user
    return stack.enter_context(provisioned(options.binary, os.path.join(scratch, "demo")))


def open_files_max():
    """As many open files as we may have: a client is one."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def query(server, statement, scratch):
    """Runs a statement with the mariadb client; returns its output. The password goes through a file that only its
    owner reads: a command line is visible to everyone."""
    options = os.path.join(scratch, "client.cnf")
    write_private(options, f'[client]\nhost={server.host}\nport={server.port}\nprotocol=tcp\nuser={server.user}\n'
                           f'password="{server.password}"\n')
    done = subprocess.run(["mariadb", f"--defaults-file={options}", "--batch", "--skip-column-names", "-e", statement],
                          capture_output=True, text=True)
    if done.returncode != 0:
        raise RuntimeError(f"{server.name} ({server.host}:{server.port}): {done.stderr.strip()}")
    return done.stdout.strip()


def write_private(path, text):
    with contextlib.suppress(FileNotFoundError):
        os.unlink(path)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(text)


def from_demo(binary, folder):
    """Reads a running demo cluster."""
    told = subprocess.run([binary, "demo", "status", "--dir", folder, "--json"], capture_output=True, text=True)
    if told.returncode != 0:
        raise RuntimeError(f"{binary} demo status --dir {folder}: {told.stderr.strip() or told.stdout.strip()}")
    status = json.loads(told.stdout)
    client = status["client"]
    servers = [Server(s["name"], s["host"], s["port"], s["role"], s["user"], s["password"]) for s in status["servers"]]
    console = status["admin"]
    admin = Server("sluice", console["host"], console["port"], "admin", console["user"], console["password"])
    return Cluster(Account(client["user"], client["password"], client["schema"]), servers, admin,
                   Endpoint("sluice", client["host"], client["port"], status["proxy"]["pid"]),
                   status["proxy"]["config"])


@contextlib.contextmanager
def provisioned(binary, folder):
    """A demo cluster of our own, removed at the end."""
    try:
        subprocess.run([binary, "demo", "up", "--dir", folder], check=True, stdout=subprocess.DEVNULL)
        yield from_demo(binary, folder)
    finally:
        subprocess.run([binary, "demo", "down", "--dir", folder], stdout=subprocess.DEVNULL, check=False)


def wait_for(what, condition, limit_s=60):
    """Asks until `condition()` holds."""
    deadline = time.monotonic() + limit_s
    while not condition():
        if time.monotonic() > deadline:
            raise RuntimeError(f"gave up waiting for {what} after {limit_s} s")
        time.sleep(0.2)


def end(child, limit_s):
    """Asks our child process to end, and kills it when it takes longer."""
    child.terminate()
    try:
        child.wait(timeout=limit_s)
    except subprocess.TimeoutExpired:
        child.kill()
        child.wait()
