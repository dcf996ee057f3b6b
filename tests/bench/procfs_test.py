import os
import threading
import time
import unittest

from harness import procfs


class Procfs(unittest.TestCase):
    def test_cpu_seconds_count_this_process(self):
        pid = os.getpid()
        before = procfs.cpu_seconds(pid)
        started = time.process_time()
        while time.process_time() - started < 0.2:  # CPU time, however long that takes
            pass
        self.assertGreaterEqual(procfs.cpu_seconds(pid) - before, 0.15)

    def test_a_thread_that_waits_switches_voluntarily(self):
        pid = os.getpid()
        asked, answered = threading.Semaphore(0), threading.Semaphore(0)

        def answer():
            for _ in range(100):
                asked.acquire()
                answered.release()

        thread = threading.Thread(target=answer)
        thread.start()
        before = {found.tid: found for found in procfs.threads(pid)}
        for _ in range(99):
            asked.release()
            answered.acquire()
        after = {found.tid: found for found in procfs.threads(pid)}
        asked.release()
        thread.join()
        self.assertIn(thread.native_id, after)
        self.assertGreater(after[thread.native_id].voluntary, before[thread.native_id].voluntary)


if __name__ == "__main__":
    unittest.main()
