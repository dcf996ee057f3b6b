import unittest

from harness.report import summarize, table
from harness.sysbench import Run


def run(endpoint, qps, cpu=None, failure=None, errors=0):
    return Run("oltp_read_only", 64, endpoint, qps=qps, p95_ms=2.0, p99_ms=3.0, cpu_us_per_query=cpu, failure=failure,
               errors=errors)


class Summary(unittest.TestCase):
    def test_holds_medians_and_ratios(self):
        runs = [run("direct", 400), run("haproxy", 100, 20.0), run("sluice", 90, 30.0),
                run("direct", 200), run("haproxy", 300, 40.0), run("sluice", 50, 10.0),
                run("direct", 100), run("haproxy", 200, 30.0), run("sluice", 100, 15.0)]
        (group,) = summarize(runs)
        self.assertEqual((group["workload"], group["threads"]), ("oltp_read_only", 64))
        self.assertEqual(group["endpoints"]["direct"]["qps"], 200)
        self.assertIsNone(group["endpoints"]["direct"]["cpu_us_per_query"])
        self.assertEqual(group["endpoints"]["haproxy"]["cpu_us_per_query"], 30.0)
        self.assertEqual(group["ratios"]["sluice/haproxy"]["cpu_us_per_query"], 0.5)
        self.assertEqual(group["ratios"]["sluice/haproxy"]["qps"], 0.45)
        self.assertEqual(group["ratios"]["sluice/direct"]["qps"], 0.45)
        self.assertIsNone(group["ratios"]["sluice/direct"]["cpu_us_per_query"])

    def test_failed_runs_are_told_and_not_averaged(self):
        (group,) = summarize([run("direct", 0, failure="FATAL: too many connections"), run("direct", 100, errors=7)])
        self.assertEqual(group["endpoints"]["direct"]["qps"], 100)
        self.assertEqual(group["endpoints"]["direct"]["errors"], 7)
        text = table([group])
        self.assertIn("7 +1 failed", text)
        self.assertIn("64 threads, direct: FATAL: too many connections", text)

    def test_groups_keep_the_order_in_which_they_ran(self):
        runs = [Run("b", 1, "direct"), Run("a", 16, "direct"), Run("b", 1, "haproxy"), Run("a", 1, "direct")]
        self.assertEqual([(g["workload"], g["threads"]) for g in summarize(runs)], [("b", 1), ("a", 16), ("a", 1)])


if __name__ == "__main__":
    unittest.main()
