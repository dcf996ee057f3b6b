"""A server's own count of the statements it ran (SHOW GLOBAL STATUS, Com_*), in the groups that routing tells apart.

Flow: `before = read(server, scratch); work(); print(moved(before, read(server, scratch))["writes"])`
"""

from . import cluster

GROUPS = {
    "reads": ("Com_select",),
    "writes": ("Com_insert", "Com_update", "Com_delete", "Com_replace", "Com_insert_select", "Com_update_multi",
               "Com_delete_multi", "Com_replace_select", "Com_load", "Com_truncate", "Com_create_table", "Com_alter_table",
               "Com_drop_table", "Com_create_index"),
    "transactions": ("Com_begin",),
    "prepares": ("Com_stmt_prepare",),
}


def read(server, scratch):
    rows = cluster.query(server, "SHOW GLOBAL STATUS LIKE 'Com\\_%'", scratch).splitlines()
    values = {name: int(value) for name, value in (row.split("\t") for row in rows)}
    return {group: sum(values.get(name, 0) for name in names) for group, names in GROUPS.items()}


def moved(before, after):
    return {group: after[group] - before[group] for group in GROUPS}


def connections(server, user, scratch):
    """How many connections of that user the server has now."""
    return int(cluster.query(server, f"SELECT COUNT(*) FROM information_schema.processlist WHERE USER = '{user}'", scratch))
