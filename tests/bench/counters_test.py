import unittest
from unittest import mock

from harness import counters


class Read(unittest.TestCase):
    def test_sums_what_belongs_to_a_group(self):
        answer = "Com_select\t10\nCom_insert\t3\nCom_replace\t4\nCom_begin\t5\nCom_stmt_prepare\t6\nCom_show_status\t9"
        with mock.patch.object(counters.cluster, "query", return_value=answer):
            found = counters.read(None, "/nowhere")
        self.assertEqual(found, {"reads": 10, "writes": 7, "transactions": 5, "prepares": 6})

    def test_a_group_moves_by_the_difference(self):
        before = {group: 1 for group in counters.GROUPS}
        after = {group: 4 for group in counters.GROUPS}
        self.assertEqual(counters.moved(before, after), {group: 3 for group in counters.GROUPS})


if __name__ == "__main__":
    unittest.main()
