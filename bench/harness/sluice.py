"""A sluice of our own in front of a demo cluster's servers: another build of it, or other limits.

Flow: `with running("sluice-old", binary, cluster, scratch, {"backend_connections_max": 33}) as endpoint: run(endpoint)`
"""

import contextlib
import os
import re
import subprocess

from . import cluster, haproxy, mysql_client


def configuration(text, port, admin_port, http_port, state_dir, limits):
    """The demo's configuration with places of its own, so that both can run."""
    text = re.sub(r"^listen = .*$", f'listen = ["127.0.0.1:{port}"]', text, flags=re.M)
    text = re.sub(r"^state_dir = .*$", f'state_dir = "{state_dir}"', text, flags=re.M)
    text = re.sub(r"^sql_listen = .*$", f'sql_listen = "127.0.0.1:{admin_port}"', text, flags=re.M)
    text = re.sub(r"^http_listen = .*$", f'http_listen = "127.0.0.1:{http_port}"', text, flags=re.M)
    if limits:
        text += "\n[limits]\n" + "".join(f"{name} = {value}\n" for name, value in limits.items())
    return text


@contextlib.contextmanager
def running(name, binary, found, scratch, limits=None):
    folder = os.path.join(scratch, name)
    os.makedirs(folder)
    port = haproxy.free_port()
    with open(found.sluice_config) as file:
        text = configuration(file.read(), port, haproxy.free_port(), haproxy.free_port(), folder, limits)
    path = os.path.join(folder, "sluice.toml")
    with open(path, "w") as file:
        file.write(text)
    log = os.path.join(folder, "log")
    with open(log, "w") as file:
        child = subprocess.Popen([binary, "run", "--config", path], stdout=file, stderr=file)
    endpoint = cluster.Endpoint(name, "127.0.0.1", port, child.pid)

    def answers():
        if child.poll() is not None:
            with open(log) as file:
                raise RuntimeError(f"{name} ended at start: {file.read().strip()[-500:]}")
        with contextlib.suppress(OSError, RuntimeError):
            mysql_client.connect(endpoint, found.account).close()
            return True
        return False

    try:
        cluster.wait_for(name, answers, limit_s=30)
        yield endpoint
    finally:
        cluster.end(child, limit_s=15)
