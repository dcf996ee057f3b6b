import unittest
from unittest import mock

from harness import procfs, wakeups


class Count(unittest.TestCase):
    def test_sums_by_name_and_counts_a_new_thread_from_nothing(self):
        seen = [[procfs.Thread(1, "worker-0", 100, 10)],
                [procfs.Thread(1, "worker-0", 120, 11), procfs.Thread(2, "worker-1", 8, 2), procfs.Thread(3, "control", 4, 0)]]
        clock = iter([0.0, 2.0])
        with (mock.patch.object(procfs, "threads", side_effect=seen), mock.patch.object(procfs, "cpu_seconds", side_effect=[1.0, 1.1]),
              mock.patch.object(wakeups.time, "monotonic", side_effect=clock), mock.patch.object(wakeups.time, "sleep")):
            found, cpu_percent = wakeups.count(1, 2)
        self.assertEqual(found["worker-0"], {"threads": 1, "wakeups_per_s": 10.0, "preempted_per_s": 0.5})
        self.assertEqual(found["worker-1"]["wakeups_per_s"], 4.0)
        self.assertEqual(found["control"]["wakeups_per_s"], 2.0)
        self.assertAlmostEqual(cpu_percent, 5.0)


if __name__ == "__main__":
    unittest.main()
