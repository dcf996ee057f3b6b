"""HAProxy in TCP mode in front of one server: the plain relay that sluice is compared with.

Flow: `with running(server, scratch) as endpoint: run(endpoint)`
"""

import contextlib
import os
import shutil
import socket
import subprocess

from . import cluster

THREADS = 2
MAX_CONNECTIONS = 4096


def configuration(port, server):
    return f"""global
  nbthread {THREADS}
  maxconn {MAX_CONNECTIONS}

defaults
  mode tcp
  maxconn {MAX_CONNECTIONS}
  timeout connect 5s
  timeout client 1h
  timeout server 1h

listen mysql
  bind 127.0.0.1:{port}
  server leader {server.host}:{server.port}
"""


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@contextlib.contextmanager
def running(server, scratch):
    binary = shutil.which("haproxy") or shutil.which("haproxy", path="/usr/sbin")
    if binary is None:
        raise RuntimeError("haproxy is not installed: scripts/install-deps test")
    port = free_port()
    path = os.path.join(scratch, "haproxy.cfg")
    with open(path, "w") as file:
        file.write(configuration(port, server))
    # -db: one process in the foreground, so its pid is the one that does the work.
    child = subprocess.Popen([binary, "-db", "-f", path], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)

    def answers():
        if child.poll() is not None:
            raise RuntimeError(f"haproxy ended at start: {child.stderr.read().strip()}")
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
            return True
        return False

    try:
        cluster.wait_for("haproxy", answers, limit_s=10)
        yield cluster.Endpoint("haproxy", "127.0.0.1", port, child.pid)
    finally:
        cluster.end(child, limit_s=5)
