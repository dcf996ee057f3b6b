import unittest

from harness import sluice

DEMO = """# written by sluice demo
[proxy]
listen = ["127.0.0.1:6033", "unix:/d/proxy/s"]
state_dir = "/d/proxy"

[admin]
sql_listen = "127.0.0.1:6032"
http_listen = "127.0.0.1:6080"

[[user]]
name = "app"
"""


class Configuration(unittest.TestCase):
    def test_has_places_of_its_own(self):
        text = sluice.configuration(DEMO, 1, 2, 3, "/own", None)
        for line in ('listen = ["127.0.0.1:1"]', 'sql_listen = "127.0.0.1:2"', 'http_listen = "127.0.0.1:3"',
                     'state_dir = "/own"', 'name = "app"'):
            self.assertIn(line, text.splitlines())
        for other in ("6033", "6032", "6080", "/d/"):
            self.assertNotIn(other, text)

    def test_limits_are_a_table_of_their_own(self):
        text = sluice.configuration(DEMO, 1, 2, 3, "/own", {"backend_connections_max": 33})
        self.assertTrue(text.endswith("[limits]\nbackend_connections_max = 33\n"))


if __name__ == "__main__":
    unittest.main()
