import os
import stat
import tempfile
import unittest

from harness import cluster

STATUS = """{"client":{"host":"127.0.0.1","port":6033,"socket":"/s","user":"app","password":"p","schema":"app"},
"admin":{"host":"127.0.0.1","port":6032,"user":"admin","password":"a"},
"proxy":{"pid":42,"config":"/d/sluice.toml","io":"io_uring"},
"servers":[{"name":"n1","host":"127.0.0.1","port":1,"role":"replica","pid":7,"user":"root","password":"r"},
           {"name":"n2","host":"127.0.0.1","port":2,"role":"leader","pid":8,"user":"root","password":"r"}]}"""


class FromDemo(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)

    def binary(self, script):
        path = os.path.join(self.folder.name, "sluice")
        with open(path, "w") as file:
            file.write("#!/bin/sh\n" + script)
        os.chmod(path, 0o755)
        return path

    def test_reads_the_status_of_the_folder_that_was_asked_for(self):
        found = cluster.from_demo(self.binary(f"""[ "$*" = "demo status --dir /d --json" ] && cat <<'X'\n{STATUS}\nX\n"""),
                                  "/d")
        self.assertEqual(found.sluice, cluster.Endpoint("sluice", "127.0.0.1", 6033, 42))
        self.assertEqual(found.account, cluster.Account("app", "p", "app"))
        self.assertEqual(found.leader.name, "n2")
        self.assertEqual([replica.name for replica in found.replicas], ["n1"])

    def test_tells_why_there_is_none(self):
        with self.assertRaisesRegex(RuntimeError, "no demo cluster here"):
            cluster.from_demo(self.binary("echo 'no demo cluster here' >&2; exit 1"), "/d")


class WritePrivate(unittest.TestCase):
    def test_is_for_its_owner_alone_even_over_an_old_file(self):
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "secret")
            with open(path, "w") as file:
                file.write("old")
            os.chmod(path, 0o666)
            cluster.write_private(path, "new")
            self.assertEqual(stat.S_IMODE(os.stat(path).st_mode), 0o600)
            with open(path) as file:
                self.assertEqual(file.read(), "new")


if __name__ == "__main__":
    unittest.main()
