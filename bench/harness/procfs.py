"""What the kernel knows of a process: CPU time, memory, threads, context switches.

Flow: `before = cpu_seconds(pid); work(); used = cpu_seconds(pid) - before`
"""

import os
from collections import namedtuple

TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")

Thread = namedtuple("Thread", "tid name voluntary involuntary")


def cpu_seconds(pid):
    """User and system time of all threads of a process, ended ones and io_uring's kernel workers included.
    proc(5), /proc/pid/stat: fields 14 and 15. Steps of 10 ms."""
    with open(f"/proc/{pid}/stat") as file:
        fields = file.read().rpartition(")")[2].split()  # the name before it may hold blanks
    return (int(fields[11]) + int(fields[12])) / TICKS_PER_SECOND


def resident_bytes(pid):
    """proc(5), /proc/pid/statm: the second field, in pages."""
    with open(f"/proc/{pid}/statm") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def threads(pid):
    """The threads that live now, with their context switches so far (proc(5), /proc/pid/task/tid/status)."""
    found = []
    for tid in sorted(os.listdir(f"/proc/{pid}/task"), key=int):
        try:
            with open(f"/proc/{pid}/task/{tid}/status") as file:
                status = dict(line.rstrip("\n").split(":", 1) for line in file)
        except (FileNotFoundError, ProcessLookupError):
            continue  # it ended meanwhile
        found.append(Thread(int(tid), status["Name"].strip(), int(status["voluntary_ctxt_switches"]),
                            int(status["nonvoluntary_ctxt_switches"])))
    return found
