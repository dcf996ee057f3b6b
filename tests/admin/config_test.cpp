#include "admin/config.hpp"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "admin/config_listing.hpp"

namespace sluice::admin {
namespace {

Result<TextFile, std::string> no_files(const std::string& /*path*/) { return std::string("no such file"); }

const std::string good_cluster = R"([[cluster]]
name = "main"
servers = ["127.0.0.1:3306", "db.internal:3307", "unix:/run/mysqld.sock"]
monitor = { user = "watch", password = "m0nitor-pw" }
)";
const std::string good_user = "[[user]]\nname = \"app\"\npassword = \"us3r-pw\"\n";

std::vector<std::string> problems(const std::string& text) {
  std::vector<std::string> out;
  for (const auto& p : parse_config(text, "s.toml", no_files).problems) out.push_back(to_string(p));
  return out;
}

TEST(Config, ReadsTheExampleOfTheDesign) {
  const auto loaded = parse_config(R"([proxy]
listen  = ["127.0.0.1:6033", "unix:/run/sluice/mysql.sock"]
workers = 2
io      = "epoll"
[limits]
hold_max_ms = "3s"
client_queue_max = "1MiB"
clients_max = 50
)" + good_cluster + good_user,
                                   "/etc/sluice/s.toml", no_files);
  ASSERT_TRUE(loaded.ok()) << to_string(loaded.problems.front());
  EXPECT_TRUE(loaded.problems.empty());
  const Config& c = loaded.config;
  ASSERT_EQ(c.proxy.listen.size(), 2U);
  EXPECT_EQ(c.proxy.listen[1].unix_path, "/run/sluice/mysql.sock");
  EXPECT_EQ(c.proxy.workers, 2U);
  EXPECT_EQ(c.proxy.io, io::Backend::epoll);
  EXPECT_EQ(c.limits.hold_max_ms, 3'000U);
  EXPECT_EQ(c.limits.client_queue_max, 1U << 20);
  EXPECT_EQ(c.limits.clients_max, 50U);
  ASSERT_EQ(c.clusters.size(), 1U);
  EXPECT_EQ(c.clusters[0].servers[1].to_string(), "db.internal:3307");
  EXPECT_EQ(c.clusters[0].monitor_secret.password, "m0nitor-pw");
  ASSERT_EQ(c.users.size(), 1U);
  EXPECT_EQ(c.users[0].cluster, "main") << "the only cluster";
  EXPECT_EQ(c.users[0].credential.password, "us3r-pw");
}

TEST(Config, RelativePathsStartAtTheFilesFolder) {
  std::string asked;
  const auto loaded = parse_config(good_cluster + "[[user]]\nname='a'\npassword_file='a.pw'\n", "/etc/sluice/s.toml",
                                   [&](const std::string& path) -> Result<TextFile, std::string> {
                                     asked = path;
                                     return TextFile{"first\r\nsecond\n", false};
                                   });
  EXPECT_TRUE(loaded.ok());
  EXPECT_EQ(asked, "/etc/sluice/a.pw");
  EXPECT_EQ(loaded.config.users[0].credential.password, "first");
}

struct Bad {
  std::string text;
  std::string message;  // the first one
};

class ConfigErrors : public testing::TestWithParam<Bad> {};

TEST_P(ConfigErrors, SayWhereAndWhatToWrite) {
  const auto found = problems(GetParam().text);
  ASSERT_FALSE(found.empty()) << GetParam().text;
  EXPECT_EQ(found.front(), GetParam().message);
}

const std::string tail = "\n" + good_cluster + good_user;

INSTANTIATE_TEST_SUITE_P(
    Table, ConfigErrors,
    testing::Values(
        Bad{"[proxy]\nlissten = ['127.0.0.1:1']" + tail,
            "s.toml:2:1: error: unknown key 'lissten' in [proxy]; did you mean 'listen'?"},
        Bad{"[log]\ncolour = 1" + tail, "s.toml:2:1: error: unknown key 'colour' in [log]; known are level, file"},
        Bad{"[prox]\n" + tail, "s.toml:1:2: error: unknown section 'prox' in the file; did you mean 'proxy'?"},
        Bad{"[proxy]\nworkers = 'two'" + tail,
            "s.toml:2:11: error: 'workers' in [proxy] is a string; write a whole number"},
        Bad{"[proxy]\nworkers = 1000" + tail,
            "s.toml:2:11: error: 'workers' in [proxy] is out of range; write a value from 0 to 256"},
        Bad{"[proxy]\nworkers = -1" + tail,
            "s.toml:2:11: error: 'workers' in [proxy] is out of range; write a value from 0 to 256"},
        Bad{"[limits]\nhold_max_ms = '10 apples'" + tail,
            "s.toml:2:15: error: 'hold_max_ms' in [limits] is \"10 apples\"; write a whole number of milliseconds, or "
            "a "
            "string such as \"500ms\", \"10s\" or \"5m\""},
        Bad{"[limits]\nclient_queue_max = 1" + tail,
            "s.toml:2:20: error: 'client_queue_max' in [limits] is out of range; write a value from 16KiB to 1GiB"},
        Bad{"[proxy]\nio = 'kqueue'" + tail,
            "s.toml:2:6: error: 'io' in [proxy] is \"kqueue\"; write one of \"auto\", \"io_uring\", \"epoll\""},
        Bad{"[proxy]\nlisten = '127.0.0.1:1'" + tail,
            "s.toml:2:10: error: 'listen' in [proxy] is a string; write an array of addresses, e.g. "
            "[\"127.0.0.1:3306\"]"},
        Bad{"[proxy]\nlisten = []" + tail,
            "s.toml:2:10: error: 'listen' in [proxy] is empty; write at least one address, e.g. [\"127.0.0.1:6033\"]"},
        Bad{"[proxy]\nlisten = ['localhost:6033']" + tail,
            "s.toml:2:11: error: 'listen' in [proxy]: \"localhost:6033\" is a host name; write a numeric address such "
            "as "
            "\"127.0.0.1:6033\" or \"[::1]:6033\""},
        Bad{"[proxy]\nlisten = ['127.0.0.1']" + tail,
            "s.toml:2:11: error: 'listen' in [proxy]: \"127.0.0.1\" has no port; write host:port"},
        Bad{"[proxy]\nlisten = ['127.0.0.1:99999']" + tail,
            "s.toml:2:11: error: 'listen' in [proxy]: \"127.0.0.1:99999\" is not an address; write host:port or "
            "unix:/path"},
        Bad{"[proxy]\nlisten = ['127.0.0.1:5', '127.0.0.1:5']" + tail,
            "s.toml:2:26: error: 'listen' in [proxy] lists \"127.0.0.1:5\" twice; remove one"},
        Bad{"[proxy.tls]\ncert = 'a.pem'" + tail,
            "s.toml:1:1: error: [proxy.tls] has one of cert and key only; write both, or neither for a self-signed "
            "one"},
        Bad{"[backend_tls]\nverify = 'ca'" + tail,
            "s.toml:1:1: error: 'verify' in [backend_tls] needs the authority to trust; write ca = \"/path/ca.pem\""},
        Bad{"[admin]\nsql_listen = '127.0.0.1:6033'" + tail,
            "s.toml: error: 'sql_listen' in [admin] and 'listen' in [proxy] are both \"127.0.0.1:6033\"; give them "
            "different ports"},
        Bad{"[limits]\nbackend_connections_max = 3\n[proxy]\nworkers = 4" + tail,
            "s.toml: error: 'backend_connections_max' in [limits] is 3, and 'workers' in [proxy] is 4: each worker "
            "needs "
            "a connection; write at least 4, or fewer workers"},
        Bad{"[admin]\npassword = 12345" + tail,
            "s.toml:2:12: error: 'password' in [admin] is an integer; write a string in quotes"},
        Bad{good_user, "s.toml: error: no cluster is configured; write a [[cluster]] with name, servers, monitor"},
        Bad{good_cluster,
            "s.toml: warning: no user is configured: nobody can log on; write a [[user]] with name and password"},
        Bad{"[cluster]\nname='x'\n" + good_user,
            "s.toml:1:1: error: 'cluster' in the file is a table; write [[cluster]] before each one"},
        Bad{good_cluster + good_cluster + "[[user]]\nname='a'\npassword='b'\ncluster='main'",
            "s.toml:6:8: error: cluster \"main\" is defined twice; give each its own name"},
        Bad{good_cluster + good_user + good_user, "s.toml:9:8: error: user \"app\" is defined twice; remove one"},
        Bad{good_cluster + good_user + "cluster = 'other'\n",
            "s.toml:8:11: error: 'cluster' in [[user]] 1: there is no cluster \"other\"; write one of \"main\""},
        Bad{good_cluster + "[[user]]\nname = 'a'\n",
            "s.toml:6:8: error: [[user]] 1 has no password; write one of password, password_file, password_hash"},
        Bad{good_cluster + "[[user]]\nname = 'a'\npassword_file = '/nowhere'\n",
            "s.toml:7:17: error: password_file \"/nowhere\" cannot be read: no such file"},
        Bad{good_cluster + "[[user]]\nname = 'a'\npassword_hash = '*12'\n",
            "s.toml:7:17: error: 'password_hash' in [[user]] 1 is not a hash; write \"*\" and 40 hexadecimal digits, "
            "or "
            "\"$A$005$…\""},
        Bad{"[[cluster]]\nname='c'\nservers=['a:1']\n" + good_user,
            "s.toml:1:1: error: [[cluster]] 1 has no monitor account; write monitor = { user = \"sluice\", "
            "password_file = … }"},
        Bad{"[[cluster]]\nname='c'\nservers=['a:1']\nmonitor={user='m',password='p'}\npreferred=['b:1']\n" + good_user,
            "s.toml:5:11: error: 'preferred' in [[cluster]] 1: \"b:1\" is not one of its servers; write it as it "
            "stands in 'servers'"},
        Bad{"[[cluster]]\nname='c'\nservers=['a:1']\nmonitor={user='m',password='p'}\nmanager={password='r'}\n" +
                good_user,
            "s.toml:5:9: error: manager of [[cluster]] 1 has no user; write user = \"…\", the account that changes "
            "the leader"},
        Bad{"[failover]\nmode='manual'\n[[cluster]]\nname='c'\nservers=['a:1']\nmonitor={user='m',password='p'}\n" +
                good_user,
            "s.toml: error: failover.mode is not \"off\", but cluster c has no manager account; write manager = { user "
            "= \"sluice_manager\", password_file = … } in it"},
        Bad{"[[cluster]]\nname='c'\nservers=['a:1']\nmonitor={user='m',password='p'}\nreplication={password='r'}\n" +
                good_user,
            "s.toml:5:13: error: replication of [[cluster]] 1 has no user; write user = \"…\", the account that "
            "replicas log on with"},
        Bad{"[[cluster]]\nname='c'\nservers=[]\nmonitor={user='m',password='p'}\n" + good_user,
            "s.toml:3:9: error: 'servers' in [[cluster]] 1 is empty; list at least one server"}));

TEST(Config, CollectsAllProblems) {
  EXPECT_EQ(problems("[proxy]\nlissten = 1\nworkers = 'x'\nio = 'y'\n[log]\nlevel = 3" + tail).size(), 4U);
}

TEST(Config, SyntaxErrorsHaveAPosition) {
  const auto found = problems("[proxy]\nlisten = [\n");
  ASSERT_EQ(found.size(), 1U);
  EXPECT_TRUE(found[0].starts_with("s.toml:2:12: error: this is not TOML: ")) << found[0];
}

TEST(Config, SyntaxErrorsDoNotQuoteAPassword) {
  for (const char* value :
       {"Xyzzy123", "\"Xyzzy123", "\"Xyzzy123\"Xyzzy123", "'Xyzzy123\\n", "\"Xyzzy123\\q\"", "Xyzzy123 Xyzzy123"}) {
    const auto found = problems("[admin]\npassword = " + std::string(value) + tail);
    ASSERT_FALSE(found.empty()) << value;
    for (const auto& text : found) EXPECT_EQ(text.find("yzzy"), std::string::npos) << text;
  }
}

TEST(Config, HostileTextIsBoundedAndShownHarmless) {
  EXPECT_EQ(problems(std::string(config_bytes_max + 1, '#')).at(0), "s.toml: error: the file is larger than 1 MiB");
  EXPECT_FALSE(problems("x = " + std::string(100'000, '[')).empty());
  EXPECT_FALSE(problems("x = " + std::string(100'000, '{')).empty());
  EXPECT_EQ(problems("[[#x]]\n"),
            std::vector<std::string>{"s.toml: error: this is not TOML: a table or key is malformed"});
  EXPECT_NE(problems("[proxy\u024b]\n").at(0).find("this is not TOML"), std::string::npos);
  const auto escaped = problems("\"\\u001b[31m\" = 1" + tail);
  EXPECT_EQ(escaped.at(0).find('\x1b'), std::string::npos);
  std::string many;
  for (int i = 0; i < 5'000; ++i) many += "k" + std::to_string(i) + " = 1\n";
  EXPECT_EQ(problems(many).size(), 100U);
}

TEST(Config, NoProblemAndNoSettingShowsAPassword) {
  const std::string text = R"([admin]
password = "adm1n-pw"
password_file = "x"
)" + good_cluster + R"([[user]]
name = "a"
password = "us3r-pw"
password_hash = "*0123456789abcdef0123456789abcdef01234567-hash-pw"
[[user]]
name = "b"
password_hash = "not-hash-pw"
[[user]]
name = "c"
password = ["us3r-pw"]
)";
  const auto loaded = parse_config(text, "s.toml", no_files);
  EXPECT_FALSE(loaded.ok());
  std::string shown;
  for (const auto& p : loaded.problems) shown += to_string(p) + "\n";
  for (const auto& s : list_settings(loaded.config)) shown += s.key + "=" + s.value + "\n";
  EXPECT_EQ(shown.find("-pw"), std::string::npos) << shown;
  EXPECT_NE(shown.find("monitor.password=(set)"), std::string::npos) << shown;
}

class ConfigFile : public testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = testing::TempDir() + "sluice-config-XXXXXX";
    ASSERT_NE(mkdtemp(pattern.data()), nullptr);
    dir_ = pattern;
  }
  void TearDown() override { std::filesystem::remove_all(dir_); }
  void write(const std::string& name, const std::string& text, mode_t mode) const {
    std::ofstream(dir_ + "/" + name) << text;
    ASSERT_EQ(chmod((dir_ + "/" + name).c_str(), mode), 0);
  }
  std::string dir_;
};

TEST_F(ConfigFile, WarnsOfSecretsThatEveryoneCanRead) {
  write("a.pw", "secret\n", 0644);
  write("s.toml", good_cluster + "[[user]]\nname='a'\npassword_file='a.pw'\n", 0644);
  const auto loaded = load_config(dir_ + "/s.toml");
  EXPECT_TRUE(loaded.ok());
  ASSERT_EQ(loaded.problems.size(), 2U);
  EXPECT_NE(loaded.problems[0].text.find("can be read by everyone; chmod 600"), std::string::npos);
  EXPECT_NE(loaded.problems[1].text.find("the file holds passwords"), std::string::npos);
}

TEST_F(ConfigFile, PrivateFilesPassWithoutAWord) {
  write("a.pw", "secret\n", 0600);
  write("s.toml", good_cluster + "[[user]]\nname='a'\npassword_file='a.pw'\n", 0600);
  EXPECT_TRUE(load_config(dir_ + "/s.toml").problems.empty());
}

TEST_F(ConfigFile, NeverWaitsOnAPipeOrDevice) {
  ASSERT_EQ(mkfifo((dir_ + "/pipe").c_str(), 0600), 0);
  EXPECT_EQ(read_text_file(dir_ + "/pipe", 10).error(), "it is not a regular file");
  EXPECT_EQ(read_text_file("/dev/zero", 10).error(), "it is not a regular file");
  write("big", "0123456789A", 0600);
  EXPECT_EQ(read_text_file(dir_ + "/big", 10).error(), "it is larger than 10 bytes");
  EXPECT_EQ(load_config(dir_ + "/none").problems.at(0).text,
            "the configuration cannot be read: No such file or directory");
}

}  // namespace
}  // namespace sluice::admin
