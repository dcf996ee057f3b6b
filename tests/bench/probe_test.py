import unittest

from harness import probe


class LongestGap(unittest.TestCase):
    def test_is_that_between_two_answers(self):
        self.assertAlmostEqual(probe.longest_gap([1.0, 1.1, 1.5, 1.6], 1.0, 1.6), 0.4)

    def test_counts_from_the_answer_before_the_span(self):
        self.assertAlmostEqual(probe.longest_gap([0.5, 2.0, 2.1], 1.0, 2.1), 1.5)

    def test_counts_up_to_the_answer_after_the_span(self):
        self.assertAlmostEqual(probe.longest_gap([1.0, 1.1, 3.0, 9.0], 1.0, 2.0), 1.9)

    def test_what_was_over_before_does_not_count(self):
        self.assertAlmostEqual(probe.longest_gap([0.0, 5.0, 5.1, 5.2], 5.05, 5.2), 0.1)

    def test_silence_at_the_end_counts(self):
        self.assertAlmostEqual(probe.longest_gap([1.0, 1.1], 1.0, 4.0), 2.9)
        self.assertAlmostEqual(probe.longest_gap([], 1.0, 4.0), 3.0)


if __name__ == "__main__":
    unittest.main()
