"""sysbench: tables, runs, and the reading of its reports.

Flow: `bench = Sysbench(account, scratch); bench.prepare(leader); run = bench.run(endpoint, "oltp_read_only", 64, 10)`
"""

import os
import re
import shutil
import subprocess
import time
from dataclasses import asdict, dataclass

from . import cluster, procfs

# Name here → sysbench's script, and what it is run with. Prepared statements: `auto`. Without transactions two threads
# may put the same row back that both deleted: error 1062 is a conflict of theirs there, like a deadlock.
AUTOCOMMIT = ("--skip-trx=on", "--mysql-ignore-errors=1213,1020,1205,1062")
WORKLOADS = {
    "oltp_point_select": ("oltp_point_select", "--db-ps-mode=disable"),
    "oltp_point_select_ps": ("oltp_point_select", "--db-ps-mode=auto"),
    "oltp_read_only": ("oltp_read_only", "--db-ps-mode=auto"),
    "oltp_read_write": ("oltp_read_write", "--db-ps-mode=auto"),
    "oltp_read_only_autocommit": ("oltp_read_only", "--db-ps-mode=auto", *AUTOCOMMIT),
    "oltp_update_index": ("oltp_update_index", "--db-ps-mode=auto"),
    "oltp_read_write_autocommit": ("oltp_read_write", "--db-ps-mode=auto", *AUTOCOMMIT),
    "oltp_read_write_text": ("oltp_read_write", "--db-ps-mode=disable"),
    "oltp_read_write_text_autocommit": ("oltp_read_write", "--db-ps-mode=disable", *AUTOCOMMIT),
}
COMPARED = ("oltp_point_select", "oltp_point_select_ps", "oltp_read_only", "oltp_read_write")
TABLES = 4
ROWS = 10_000


@dataclass
class Run:
    workload: str
    threads: int
    endpoint: str
    seconds: float = 0.0
    transactions: int = 0
    queries: int = 0
    qps: float = 0.0
    p95_ms: float | None = None  # of a transaction, as sysbench counts: one query in a point select
    p99_ms: float | None = None
    conflicts: int = 0  # deadlocks and lock timeouts, which the server reports and sysbench goes on after
    errors: int = 0  # lost connections
    cpu_seconds: float | None = None
    cpu_us_per_query: float | None = None
    failure: str | None = None

    def as_dict(self):
        return asdict(self)


def percentile(histogram, share):
    """The value that at least `share` (0 to 1) of the counts are at or below. `histogram`: rising (value, count)."""
    total = sum(count for _, count in histogram)
    seen = 0
    for value, count in histogram:
        seen += count
        if seen >= share * total:
            return value
    return None


def read_report(text):
    """sysbench's closing report as a dictionary; None if it wrote none."""
    queries = re.search(r"^\s*queries:\s+(\d+)\s+\(([\d.]+) per sec", text, re.M)
    transactions = re.search(r"^\s*transactions:\s+(\d+)", text, re.M)
    took = re.search(r"^\s*total time:\s+([\d.]+)s", text, re.M)
    if queries is None or took is None:
        return None
    histogram = [(float(value), int(count))
                 for value, count in re.findall(r"^\s*([\d.]+) \|\**\s+(\d+)\s*$", text, re.M)]

    def total(what):
        found = re.search(rf"^\s*{what}:\s+(\d+)", text, re.M)
        return int(found[1]) if found else 0

    return {"transactions": int(transactions[1]) if transactions else 0, "queries": int(queries[1]), "qps": float(queries[2]), "seconds": float(took[1]),
            "conflicts": total("ignored errors"), "errors": total("reconnects"),
            "p95_ms": percentile(histogram, 0.95), "p99_ms": percentile(histogram, 0.99)}


class Sysbench:
    def __init__(self, account, scratch):
        self.binary = shutil.which("sysbench")
        if self.binary is None:
            raise RuntimeError("sysbench is not installed: scripts/install-deps test")
        self.account = account
        self.scratch = scratch

    def command(self, endpoint, script, verb, *options):
        """The password goes through a file that only its owner reads: a command line is visible to everyone."""
        path = os.path.join(self.scratch, f"sysbench-{endpoint.name}.cnf")
        cluster.write_private(path, f"mysql-host={endpoint.host}\nmysql-port={endpoint.port}\n"
                                    f"mysql-user={self.account.user}\nmysql-password={self.account.password}\n"
                                    f"mysql-db={self.account.schema}\n")
        # The script's own options are not read from that file.
        return [self.binary, f"--config-file={path}", f"--tables={TABLES}", f"--table-size={ROWS}", *options, script, verb]

    def prepare(self, leader, replicas):
        """Makes the tables unless they are there, and waits until every replica has them."""
        def complete(server):
            last = f"sbtest{TABLES}"
            found = cluster.query(server, "SELECT COUNT(*) FROM information_schema.statistics WHERE "
                                  f"table_schema='{self.account.schema}' AND table_name='{last}' AND index_name='k_{TABLES}'",
                                  self.scratch)
            return found == "1"

        if not complete(leader):
            endpoint = cluster.Endpoint("prepare", leader.host, leader.port)
            for verb in ("cleanup", "prepare"):
                done = subprocess.run(self.command(endpoint, "oltp_common", verb), capture_output=True, text=True)
                if done.returncode != 0:
                    raise RuntimeError(f"sysbench {verb}: {failure_of(done)}")
        for replica in replicas:
            cluster.wait_for(f"the tables on {replica.name}", lambda replica=replica: complete(replica))

    def run(self, endpoint, workload, threads, seconds, rate=0):
        """`rate`: transactions a second, by an exponential distribution; 0: as many as come about."""
        script, *how = WORKLOADS[workload]
        command = self.command(endpoint, script, "run", f"--threads={threads}", f"--time={seconds}", "--histogram",
                               f"--rate={rate}", *how)
        result = Run(workload, threads, endpoint.name)
        cpu_before = procfs.cpu_seconds(endpoint.pid) if endpoint.pid else None
        try:
            done = subprocess.run(command, capture_output=True, text=True, timeout=seconds + 120)
        except subprocess.TimeoutExpired:
            result.failure = f"sysbench did not end within {seconds + 120} s"
            return result
        if endpoint.pid:
            # The time goes on while the proxy closes what sysbench left; that is its work too.
            time.sleep(0.1)
            result.cpu_seconds = procfs.cpu_seconds(endpoint.pid) - cpu_before
        report = read_report(done.stdout)
        if done.returncode != 0 or report is None:
            result.failure = failure_of(done)
            return result
        for name, value in report.items():
            setattr(result, name, value)
        if result.cpu_seconds is not None and result.queries:
            result.cpu_us_per_query = result.cpu_seconds * 1e6 / result.queries
        return result


def failure_of(done):
    """The first complaint of a sysbench that failed."""
    lines = (done.stderr + done.stdout).splitlines()
    fatal = [line for line in lines if "FATAL" in line or "error" in line.lower()]
    return (fatal or lines or [f"exit code {done.returncode}"])[0].strip()
