"""What a server itself counts: the reads that it ran, and the transactions that were written on it by clients.

Reads are Com_select. Writes are not counted by Com_*: a replica's Com_insert and its like also count the row events that
it applies. The binary log tells them apart: each transaction carries the id of the server on which it was written.
Source: MariaDB's documentation, gtid_binlog_state.
Flow: `before = read(server, scratch); work(); print(moved(before, read(server, scratch))["reads"])`
"""

from . import cluster

NAMES = {"reads": "Com_select", "prepares": "Com_stmt_prepare"}
GROUPS = (*NAMES, "written")


def read(server, scratch):
    status, server_id, binlog_state = (cluster.query(server, statement, scratch) for statement in (
        "SHOW GLOBAL STATUS WHERE Variable_name IN ('Com_select', 'Com_stmt_prepare')", "SELECT @@server_id",
        "SELECT @@gtid_binlog_state"))
    values = {name: int(value) for name, value in (row.split("\t") for row in status.splitlines())}
    return {group: values[name] for group, name in NAMES.items()} | {"written": written(binlog_state, server_id)}


def written(binlog_state, server_id):
    """`binlog_state`: the last transaction of each domain and server, `domain-server-sequence,...`."""
    return sum(int(sequence) for _, origin, sequence in (gtid.split("-") for gtid in binlog_state.split(",") if gtid)
               if origin == server_id)


def moved(before, after):
    return {group: after[group] - before[group] for group in GROUPS}


def connections(server, user, scratch):
    """How many connections of that user the server has now."""
    return int(cluster.query(server, f"SELECT COUNT(*) FROM information_schema.processlist WHERE USER = '{user}'", scratch))
