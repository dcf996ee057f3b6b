"""Many clients that are silent most of the time, as applications with large pools are.

Flow: `crowd = Crowd(endpoint, account); crowd.log_on(9000); …; took, right = crowd.ask(); crowd.close()`
"""

import collections
import concurrent.futures
import time

from . import mysql_client


class Crowd:
    """`together` clients log on or ask at one time. `failures`: how often each text was the reason of one."""

    def __init__(self, endpoint, account, together=64):
        self.endpoint = endpoint
        self.account = account
        self.together = together
        self.clients = []
        self.failures = collections.Counter()

    def each(self, work, items):
        """Runs `work` on every item, `together` at a time; returns what came back, failures counted by their text."""
        results = []
        with concurrent.futures.ThreadPoolExecutor(self.together) as pool:
            for future in [pool.submit(work, item) for item in items]:
                try:
                    results.append(future.result())
                except (RuntimeError, OSError) as error:
                    self.failures[str(error)] += 1
        return results

    def log_on(self, count):
        started = time.monotonic()
        self.clients = self.each(lambda _: mysql_client.connect(self.endpoint, self.account), range(count))
        return time.monotonic() - started

    def ask(self):
        def question(item):
            number, client = item
            rows = client.query(f"SELECT 'client {number}'")
            if rows != [[f"client {number}".encode()]]:
                raise RuntimeError(f"a wrong answer: {rows!r}")
            return client
        started = time.monotonic()
        answers = self.each(question, enumerate(self.clients))
        return time.monotonic() - started, len(answers)

    def close(self):
        for client in self.clients:
            client.close()
