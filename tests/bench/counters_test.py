import unittest
from unittest import mock

from harness import counters


class Read(unittest.TestCase):
    def test_reads_and_what_was_written_there(self):
        def query(_server, statement, _scratch):
            if "STATUS" in statement:
                return "Com_select\t10\nCom_stmt_prepare\t6"
            return "2" if "server_id" in statement else "0-1-700,0-2-5,1-2-3"

        with mock.patch.object(counters.cluster, "query", side_effect=query):
            found = counters.read(None, "/nowhere")
        self.assertEqual(found, {"reads": 10, "prepares": 6, "written": 8})

    def test_an_empty_log_has_nothing_written(self):
        self.assertEqual(counters.written("", "1"), 0)

    def test_a_group_moves_by_the_difference(self):
        before = {group: 1 for group in counters.GROUPS}
        after = {group: 4 for group in counters.GROUPS}
        self.assertEqual(counters.moved(before, after), {group: 3 for group in counters.GROUPS})


if __name__ == "__main__":
    unittest.main()
