"""How often each thread of a process wakes: voluntary context switches, by the thread's name.

Flow: `found, cpu_percent = count(pid, seconds); print(table(found))`
"""

import collections
import time

from . import procfs


def count(pid, seconds):
    """Per thread name: threads, and switches per second over `seconds`; and the CPU time used, in percent."""
    cpu_before = procfs.cpu_seconds(pid)
    before = {thread.tid: thread for thread in procfs.threads(pid)}
    started = time.monotonic()
    time.sleep(seconds)
    took = time.monotonic() - started
    found = collections.defaultdict(lambda: {"threads": 0, "wakeups_per_s": 0.0, "preempted_per_s": 0.0})
    for thread in procfs.threads(pid):
        earlier = before.get(thread.tid)
        row = found[thread.name]
        row["threads"] += 1
        row["wakeups_per_s"] += (thread.voluntary - (earlier.voluntary if earlier else 0)) / took
        row["preempted_per_s"] += (thread.involuntary - (earlier.involuntary if earlier else 0)) / took
    return dict(found), 100 * (procfs.cpu_seconds(pid) - cpu_before) / took


def table(found):
    lines = [f"{'thread':<16} {'threads':>7} {'wake-ups/s':>11} {'preempted/s':>12}"]
    for name, row in sorted(found.items()):
        lines.append(f"{name:<16} {row['threads']:>7} {row['wakeups_per_s']:>11.1f} {row['preempted_per_s']:>12.1f}")
    total = sum(row["wakeups_per_s"] for row in found.values())
    lines.append(f"{'all':<16} {sum(row['threads'] for row in found.values()):>7} {total:>11.1f}")
    return "\n".join(lines)
