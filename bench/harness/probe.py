"""A client that does one small statement after the other, and remembers when each was answered.

Flow: `with Probe(endpoint, account) as probe: …; probe.longest_gap(begin, end)`; `probe.acknowledged`, `probe.errors`.
"""

import threading
import time

from . import mysql_client

TABLE = "sluice_probe"
DEFINITION = f"CREATE OR REPLACE TABLE {TABLE} (id INT PRIMARY KEY)"


def longest_gap(answered, begin, end):
    """The longest time between two successive answers of which at least a part lies between `begin` and `end`.

    `answered`: rising moments. The silence after the last answer counts up to `end`."""
    longest = 0.0
    last = begin
    for moment in answered:
        if moment > begin:
            longest = max(longest, moment - last)
        last = moment
        if moment >= end:
            return longest
    return max(longest, end - last)


class Probe:
    """Inserts 1, 2, 3, … in autocommit mode, each when the one before it was answered."""

    def __init__(self, endpoint, account):
        self.client = mysql_client.connect(endpoint, account)
        self.answered = []  # time.monotonic() of each success
        self.acknowledged = 0
        self.errors = []
        self.stopping = threading.Event()
        self.thread = threading.Thread(target=self.run, daemon=True)

    def __enter__(self):
        self.client.execute(DEFINITION)
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.stopping.set()
        self.thread.join()
        self.client.close()

    def run(self):
        while not self.stopping.is_set():
            try:
                self.client.execute(f"INSERT INTO {TABLE} VALUES ({self.acknowledged + 1})")
            except (RuntimeError, OSError) as error:
                self.errors.append(str(error))
                return
            self.acknowledged += 1
            self.answered.append(time.monotonic())

    def longest_gap(self, begin, end):
        return longest_gap(self.answered[:], begin, end)
