import unittest

from harness.sysbench import WORKLOADS, percentile, read_report

REPORT = """Latency histogram (values are in milliseconds)
       value  ------------- distribution ------------- count
       0.018 |                                         90
       0.020 |**************************************** 5
       1.500 |*                                        4
      12.250 |                                         1

SQL statistics:
    transactions:                        100 (50.00 per sec.)
    queries:                             2000 (1000.50 per sec.)
    ignored errors:                      3      (0.00 per sec.)
    reconnects:                          2      (0.00 per sec.)

General statistics:
    total time:                          2.0022s
"""


class Percentile(unittest.TestCase):
    def test_is_the_first_value_that_covers_the_share(self):
        histogram = [(1.0, 90), (2.0, 5), (3.0, 4), (4.0, 1)]
        self.assertEqual(percentile(histogram, 0.5), 1.0)
        self.assertEqual(percentile(histogram, 0.9), 1.0)
        self.assertEqual(percentile(histogram, 0.95), 2.0)
        self.assertEqual(percentile(histogram, 0.951), 3.0)
        self.assertEqual(percentile(histogram, 1.0), 4.0)

    def test_of_nothing_is_none(self):
        self.assertIsNone(percentile([], 0.95))


class Report(unittest.TestCase):
    def test_is_read(self):
        self.assertEqual(read_report(REPORT), {"transactions": 100, "queries": 2000, "qps": 1000.5, "seconds": 2.0022,
                                               "conflicts": 3, "errors": 2, "p95_ms": 0.020, "p99_ms": 1.5})

    def test_of_a_run_that_failed_is_none(self):
        self.assertIsNone(read_report("FATAL: unable to connect\n"))


class Workloads(unittest.TestCase):
    def test_point_selects_come_with_and_without_prepared_statements(self):
        self.assertEqual(WORKLOADS["oltp_point_select"], ("oltp_point_select", "--db-ps-mode=disable"))
        self.assertEqual(WORKLOADS["oltp_point_select_ps"], ("oltp_point_select", "--db-ps-mode=auto"))


if __name__ == "__main__":
    unittest.main()
