// The binary as a process: exit codes, signals, and what it says. The servers that it is told of don't exist, so what
// is tested is the control thread.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <mysql.h>
#include <regex.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "support/time.hpp"

namespace sluice::admin {
namespace {

struct Match {
  std::size_t end = 0;
  std::string group;  // the first one, or all of the match
};

// POSIX extended expressions: GCC 12 warns inside its own <regex> in sanitizer builds.
std::optional<Match> find(const std::string& text, const std::string& pattern) {
  regex_t compiled{};
  if (regcomp(&compiled, pattern.c_str(), REG_EXTENDED) != 0) std::abort();
  std::array<regmatch_t, 2> at{};
  const int failed = regexec(&compiled, text.c_str(), at.size(), at.data(), 0);
  regfree(&compiled);
  if (failed != 0) return std::nullopt;
  const regmatch_t& shown = at[1].rm_so >= 0 ? at[1] : at[0];
  return Match{static_cast<std::size_t>(at[0].rm_eo),
               text.substr(static_cast<std::size_t>(shown.rm_so), static_cast<std::size_t>(shown.rm_eo - shown.rm_so))};
}

// A child whose output is read line by line. Waiting for a line that never comes ends with CTest's limit.
class Process {
 public:
  explicit Process(std::vector<std::string> arguments) {
    std::array<int, 2> ends{};
    if (pipe2(ends.data(), O_CLOEXEC) != 0) std::abort();
    arguments.insert(arguments.begin(), SLUICE_BINARY);
    std::vector<char*> argv;
    argv.reserve(arguments.size() + 1);
    for (auto& a : arguments) argv.push_back(a.data());
    argv.push_back(nullptr);
    pid_ = fork();
    if (pid_ == 0) {
      dup2(ends[1], STDOUT_FILENO);
      dup2(ends[1], STDERR_FILENO);
      execv(SLUICE_BINARY, argv.data());
      _exit(127);
    }
    close(ends[1]);
    out_ = ends[0];
  }
  ~Process() {
    if (pid_ > 0) {
      kill(pid_, SIGKILL);
      waitpid(pid_, nullptr, 0);
    }
    close(out_);
  }
  Process(const Process&) = delete;
  Process& operator=(const Process&) = delete;

  void signal(int number) const { kill(pid_, number); }

  // Reads until `pattern` matches what was said since the last call; returns its first group.
  std::string await(const std::string& pattern) {
    for (;;) {
      if (const auto match = find(said_.substr(seen_), pattern)) {
        seen_ += match->end;
        return match->group;
      }
      if (!read_more()) {
        ADD_FAILURE() << "it ended without saying " << pattern << ":\n" << said_;
        return {};
      }
    }
  }
  // The exit code, after it closed its output.
  int wait() {
    while (read_more()) {
    }
    int status = 0;
    waitpid(std::exchange(pid_, 0), &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
  }
  [[nodiscard]] const std::string& said() const { return said_; }

 private:
  bool read_more() {
    std::array<char, 4096> chunk{};
    const ssize_t got = read(out_, chunk.data(), chunk.size());
    if (got <= 0) return false;
    said_.append(chunk.data(), static_cast<std::size_t>(got));
    return true;
  }

  pid_t pid_ = 0;
  int out_ = -1;
  std::string said_;
  std::size_t seen_ = 0;
};

struct CloseMysql {
  void operator()(MYSQL* mysql) const { mysql_close(mysql); }
};
using Client = std::unique_ptr<MYSQL, CloseMysql>;

Client connect(const std::string& port, const char* user, const char* password) {
  Client client(mysql_init(nullptr));
  my_bool verify = 0;
  mysql_options(client.get(), MYSQL_OPT_SSL_VERIFY_SERVER_CERT, &verify);
  if (mysql_real_connect(client.get(), "127.0.0.1", user, password, nullptr, static_cast<unsigned>(std::stoul(port)),
                         nullptr, 0) == nullptr) {
    ADD_FAILURE() << mysql_error(client.get());
  }
  return client;
}

class ApplicationTest : public testing::TestWithParam<const char*> {
 protected:
  void SetUp() override {
    std::string pattern = testing::TempDir() + "sluice-run.XXXXXX";
    ASSERT_NE(mkdtemp(pattern.data()), nullptr);
    dir_ = pattern;
    write(users("app"));
  }
  void TearDown() override { std::filesystem::remove_all(dir_); }

  static std::string users(const std::string& name) {
    return "[[user]]\nname = \"" + name + "\"\npassword = \"us3r-pw\"\n";
  }
  void write(const std::string& users, const std::string& more = {}) const {
    const char* io = GetParam();
    std::ofstream(dir_ + "/s.toml") << "[proxy]\nlisten = [\"127.0.0.1:0\"]\nworkers = 1\nio = \"" << io
                                    << "\"\nstate_dir = \"state\"\n[admin]\nsql_listen = \"127.0.0.1:0\"\n"
                                       "http_listen = \"127.0.0.1:0\"\npassword = \"adm1n-pw\"\n"
                                    << more
                                    << "[[cluster]]\nname = \"main\"\nservers = [\"127.0.0.1:1\"]\n"
                                       "monitor = { user = \"m\", password = \"m0nitor-pw\" }\n"
                                    << users;
    std::filesystem::permissions(dir_ + "/s.toml",
                                 std::filesystem::perms::owner_read | std::filesystem::perms::owner_write);
  }
  [[nodiscard]] std::vector<std::string> run() const { return {"run", "--config", dir_ + "/s.toml"}; }
  void expect_no_secret(const Process& process) const {
    EXPECT_EQ(process.said().find("-pw"), std::string::npos) << process.said();
  }
  std::string dir_;
};

TEST_P(ApplicationTest, TellsHowItRunsAndEndsOnSigterm) {
  Process sluice(run());
  sluice.await(
      "sluice [0-9.]+ started: pid [0-9]+, config .*s.toml, clients on 127.0.0.1:[1-9][0-9]*, admin SQL on "
      "127.0.0.1:[1-9]");
  sluice.await("event loop " + std::string(GetParam()) + ": .");
  sluice.await("leader_lost: cluster main has no leader: .");
  sluice.signal(SIGTERM);
  sluice.await("draining: SIGTERM");
  EXPECT_EQ(sluice.wait(), 0);
  expect_no_secret(sluice);
}

TEST_P(ApplicationTest, ShutdownOverSqlEndsIt) {
  Process sluice(run());
  const std::string port = sluice.await("admin SQL on 127.0.0.1:([0-9]+)");
  const Client client = connect(port, "admin", "adm1n-pw");
  EXPECT_EQ(mysql_query(client.get(), "SHUTDOWN"), 0) << mysql_error(client.get());
  EXPECT_EQ(sluice.wait(), 0);
}

TEST_P(ApplicationTest, HangupReadsUsersAndLogAgain) {
  write(users("app"), "[log]\nfile = \"" + dir_ + "/a.log\"\n");
  Process sluice(run());
  const auto log_line = [&](const std::string& file, const std::string& wanted) {
    std::optional<Match> match;
    EXPECT_TRUE(test::await([&] {
      std::ifstream in(file);
      const std::string text((std::istreambuf_iterator<char>(in)), std::istreambuf_iterator<char>());
      match = find(text, wanted);
      return match.has_value();
    })) << wanted;
    return match.value_or(Match{}).group;
  };
  const std::string port = log_line(dir_ + "/a.log", "admin SQL on 127.0.0.1:([0-9]+)");
  std::filesystem::rename(dir_ + "/a.log", dir_ + "/a.log.1");
  write(users("app") + users("second"), "[log]\nfile = \"" + dir_ + "/a.log\"\n");
  sluice.signal(SIGHUP);
  log_line(dir_ + "/a.log", "(reloaded: the users were read again: 2 accounts)");
  write("[[user]]\nname = 3\n");
  sluice.signal(SIGHUP);
  log_line(dir_ + "/a.log", "(the configuration has errors; nothing was changed)");
  const Client client = connect(port, "admin", "adm1n-pw");
  ASSERT_EQ(mysql_query(client.get(), "SELECT count(*) FROM settings WHERE name LIKE 'user.%.name'"), 0);
  MYSQL_RES* result = mysql_store_result(client.get());
  EXPECT_STREQ(mysql_fetch_row(result)[0], "2");
  mysql_free_result(result);
  sluice.signal(SIGINT);
  EXPECT_EQ(sluice.wait(), 0);
}

TEST_P(ApplicationTest, HangupWithAFileThatIsTooDeepChangesNothing) {
  Process sluice(run());
  const std::string port = sluice.await("admin SQL on 127.0.0.1:([0-9]+)");
  std::string deep = "[[user]]\nname";
  for (int i = 0; i < 500'000; ++i) deep += ".a";
  write(deep + " = 1\n");
  sluice.signal(SIGHUP);
  sluice.await("s.toml:[0-9]+:[0-9]+: error: a key has more than 16 parts");
  sluice.await("the configuration has errors; nothing was changed");
  const Client client = connect(port, "admin", "adm1n-pw");
  EXPECT_EQ(mysql_ping(client.get()), 0);
  Process check({"check", "--config", dir_ + "/s.toml"});
  EXPECT_EQ(check.wait(), 1);
}

TEST_P(ApplicationTest, RefusesABadConfiguration) {
  write("[[user]]\nname = \"app\"\npassword = \"us3r-pw\"\nclutser = \"main\"\n");
  for (const char* command : {"run", "check"}) {
    Process sluice({command, "--config", dir_ + "/s.toml"});
    EXPECT_EQ(sluice.wait(), 1);
    EXPECT_NE(sluice.said().find("unknown key 'clutser' in [[user]] 1; did you mean 'cluster'?"), std::string::npos)
        << sluice.said();
    expect_no_secret(sluice);
  }
}

TEST_P(ApplicationTest, CheckAcceptsAGoodOne) {
  Process sluice({"check", "--config", dir_ + "/s.toml"});
  EXPECT_EQ(sluice.wait(), 0);
  EXPECT_TRUE(sluice.said().ends_with("s.toml: good: 1 cluster(s), 1 user(s)\n")) << sluice.said();
}

TEST_P(ApplicationTest, SaysWhichAddressIsTaken) {
  Process first(run());
  const std::string port = first.await("clients on 127.0.0.1:([0-9]+)");
  std::ifstream in(dir_ + "/s.toml");
  std::string text((std::istreambuf_iterator<char>(in)), std::istreambuf_iterator<char>());
  text.replace(text.find("sql_listen = \"127.0.0.1:0"), 25, "sql_listen = \"127.0.0.1:" + port);
  std::ofstream(dir_ + "/t.toml") << text;
  Process second({"run", "--config", dir_ + "/t.toml"});
  EXPECT_EQ(second.wait(), 2);
  EXPECT_NE(second.said().find("cannot listen on 127.0.0.1:" + port + ": Address already in use"), std::string::npos)
      << second.said();
  expect_no_secret(second);
}

TEST_P(ApplicationTest, StatusAsksARunningOne) {
  Process sluice(run());
  const std::string port = sluice.await("admin SQL on 127.0.0.1:([0-9]+)");
  sluice.await("leader_lost");
  setenv("SLUICE_ADMIN_PASSWORD", "adm1n-pw", 1);
  Process status({"status", "--admin", "127.0.0.1:" + port});
  EXPECT_EQ(status.wait(), 1) << "reached, and not well";
  EXPECT_TRUE(find(status.said(), "main +NONE").has_value()) << status.said();
  setenv("SLUICE_ADMIN_PASSWORD", "wrong-pw", 1);
  Process denied({"status", "--admin", "127.0.0.1:" + port, "--json"});
  EXPECT_EQ(denied.wait(), 2);
  EXPECT_NE(denied.said().find("Access denied for user 'admin'"), std::string::npos) << denied.said();
  expect_no_secret(denied);
}

INSTANTIATE_TEST_SUITE_P(BothLoops, ApplicationTest, testing::Values("io_uring", "epoll"));

TEST(CommandLine, HelpAndVersion) {
  Process version({"version"});
  EXPECT_EQ(version.wait(), 0);
  EXPECT_TRUE(find(version.said(), "^sluice [0-9.]+\n$").has_value()) << version.said();
  Process help({"--help"});
  EXPECT_EQ(help.wait(), 0);
  for (const char* sub : {"run", "check", "status", "demo", "version"}) {
    EXPECT_NE(help.said().find(std::string("  ") + sub + " "), std::string::npos) << help.said();
  }
  Process nothing(std::vector<std::string>{});
  EXPECT_NE(nothing.wait(), 0);
}

// Close to what the kernel takes: many words that are commands, many options, and long ones.
TEST(CommandLine, LongOnesEndInAnExitCode) {
  const std::string longest(100'000, 'a');
  using Words = std::vector<std::string>;
  for (const Words& words :
       {Words(50'000, "check"), Words(50'000, "demo"), Words(50'000, "--"), Words(50'000, "--json"),
        Words(50'000, "--config=x"), Words{"--" + longest}, Words{"-" + longest}, Words{"check", "--config", longest},
        Words{"check", "--config", std::string(100'000, '[')},
        Words{"demo", "up", "--nodes", std::string(100'000, '9')}}) {
    Process sluice(words);
    EXPECT_GT(sluice.wait(), 0) << words.front().substr(0, 40);
  }
}

}  // namespace
}  // namespace sluice::admin
