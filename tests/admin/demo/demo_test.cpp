// `sluice demo` as a whole, with servers only: up, status, down, and the ways they can go wrong.
#include "admin/demo/demo.hpp"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <boost/json.hpp>
#include <csignal>
#include <future>
#include <sstream>
#include <thread>

#include "admin/demo/cluster.hpp"
#include "admin/demo/files.hpp"
#include "admin/demo/load.hpp"
#include "admin/demo/wait.hpp"
#include "support/ports.hpp"
#include "support/temp_folder.hpp"
#include "support/test_cluster.hpp"
#include "support/time.hpp"

namespace sluice::demo {
namespace {

namespace json = boost::json;

UniqueFd listen_on(std::uint16_t port) {
  UniqueFd fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (!fd) {
    ADD_FAILURE() << "no socket";
    return fd;
  }
  const int on = 1;
  ::setsockopt(fd.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  EXPECT_EQ(::bind(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
  EXPECT_EQ(::listen(fd.get(), 1), 0);
  return fd;
}

class Demo : public testing::Test {
 protected:
  Demo() {
    options_.dir = folder_.path() / "demo";
    options_.nodes = 2;
    options_.proxy = false;
    options_.lifetime = Lifetime::with_parent;
    options_.patience = test::patience;
    options_.server_port = test::reserve_port();
    options_.client_port = test::reserve_port();
    options_.admin_port = test::reserve_port();
    options_.http_port = test::reserve_port();
  }
  ~Demo() override { run_down(); }

  int run_up() {
    out_.str("");
    err_.str("");
    return up(options_, out_, err_);
  }
  int run_down() {
    out_.str("");
    err_.str("");
    return down({options_.dir, test::patience}, out_, err_);
  }
  json::value run_status() {
    std::ostringstream out;
    EXPECT_EQ(status({options_.dir, StatusFormat::json, test::patience}, out, err_), 0) << err_.str();
    return json::parse(out.str());
  }
  [[nodiscard]] ClusterOptions opening() const {
    ClusterOptions opening;
    opening.folder = options_.dir;
    opening.patience = test::patience;
    return opening;
  }
  static bool succeeds(test::Sql& sql, const std::string& statement) {
    try {
      sql.exec(statement);
      return true;
    } catch (const SqlError&) {
      return false;
    }
  }
  // 0 while there is no such table.
  static unsigned long count(test::Sql& sql, const std::string& table) {
    try {
      return std::stoul(sql.value("SELECT COUNT(*) FROM " + table + " FOR UPDATE"));
    } catch (const SqlError&) {
      return 0;
    }
  }
  static ProcessId process(const json::value& server) {
    const auto id = identify(static_cast<pid_t>(server.at("pid").as_int64()));
    EXPECT_TRUE(id);
    return id.value_or(ProcessId{});
  }

  test::TempFolder folder_{"demo"};
  UpOptions options_;
  std::ostringstream out_;
  std::ostringstream err_;
};

TEST_F(Demo, UpIsToldInJsonAndDownLeavesNothing) {
  ASSERT_EQ(run_up(), 0) << err_.str();
  EXPECT_NE(out_.str().find("leader"), std::string::npos);
  const json::value seen = run_status();
  const auto& servers = seen.at("servers").as_array();
  ASSERT_EQ(servers.size(), 2U);
  EXPECT_EQ(servers[0].at("name").as_string(), "db1");
  EXPECT_EQ(servers[0].at("role").as_string(), "leader");
  EXPECT_EQ(servers[1].at("role").as_string(), "replica");

  std::vector<ProcessId> processes;
  for (const auto& server : servers) {
    SqlAddress address;
    address.host = server.at("host").as_string().c_str();
    address.port = static_cast<std::uint16_t>(server.at("port").as_int64());
    address.user = server.at("user").as_string().c_str();
    address.password = server.at("password").as_string().c_str();
    EXPECT_NE(test::Sql(address).value("SHOW GRANTS").find("GRANT ALL PRIVILEGES ON *.*"), std::string::npos);
    processes.push_back(process(server));
  }
  EXPECT_EQ(seen.at("client").at("user").as_string(), "app");
  EXPECT_EQ(seen.at("client").at("schema").as_string(), "app");

  EXPECT_EQ(run_down(), 0) << err_.str();
  for (const auto& id : processes) EXPECT_FALSE(is_running(id));
  EXPECT_FALSE(fs::exists(options_.dir));
  EXPECT_EQ(run_down(), 0);  // nothing to do
}

TEST_F(Demo, UpAgainKeepsWhatRunsAndStartsWhatDoesNot) {
  ASSERT_EQ(run_up(), 0) << err_.str();
  const json::value before = run_status();
  const ProcessId leader = process(before.at("servers").at(0));
  const ProcessId replica = process(before.at("servers").at(1));
  EXPECT_TRUE(send_signal(replica, SIGKILL));
  EXPECT_TRUE(await_exit(replica, test::hang_limit));
  std::ostringstream text;
  EXPECT_EQ(status({options_.dir, StatusFormat::text, test::patience}, text, err_), 1);  // a server is down
  EXPECT_NE(text.str().find("down"), std::string::npos);

  ASSERT_EQ(run_up(), 0) << err_.str();
  const json::value after = run_status();
  EXPECT_EQ(process(after.at("servers").at(0)), leader);
  EXPECT_FALSE(process(after.at("servers").at(1)) == replica);
}

TEST_F(Demo, UpAfterEverythingWasKilledHasTheSameLeaderAndRows) {
  ASSERT_EQ(run_up(), 0) << err_.str();
  {
    Cluster cluster(opening());
    cluster.node(0).sql().exec("CREATE TABLE app.t AS SELECT 5 AS id");
    cluster.promote(1);
    cluster.kill();
  }
  ASSERT_EQ(run_up(), 0) << err_.str();
  EXPECT_EQ(run_status().at("servers").at(1).at("role").as_string(), "leader");
  EXPECT_EQ(Cluster(opening()).node(1).sql().value("SELECT id FROM app.t"), "5");
}

TEST_F(Demo, TakenPortsAreAvoidedAndSaid) {
  const UniqueFd taken = listen_on(options_.server_port);
  ASSERT_EQ(run_up(), 0) << err_.str();
  EXPECT_NE(out_.str().find("port " + std::to_string(options_.server_port) + " is taken"), std::string::npos);
  const json::value seen = run_status();
  for (const auto& server : seen.at("servers").as_array()) {
    EXPECT_NE(server.at("port").as_int64(), options_.server_port);
  }
}

TEST_F(Demo, TwoThatStartAtOnceDoNotTakeTheSamePort) {
  UpOptions other = options_;
  other.dir = folder_.path() / "other";
  options_.nodes = other.nodes = 1;
  std::ostringstream out;
  std::ostringstream err;
  std::promise<void> seen;  // servers end with the thread that started them
  auto second = std::async(std::launch::async, [&, done = seen.get_future()]() mutable {
    const int code = up(other, out, err);
    done.wait();
    return code;
  });
  EXPECT_EQ(run_up(), 0) << err_.str();
  seen.set_value();
  EXPECT_EQ(second.get(), 0) << err.str();
  EXPECT_EQ(down({other.dir}, out, err), 0) << err.str();
}

TEST_F(Demo, AServerThatLostItsPortMovesAndIsStillFollowed) {
  ASSERT_EQ(run_up(), 0) << err_.str();
  const json::value before = run_status();
  const auto port = static_cast<std::uint16_t>(before.at("servers").at(0).at("port").as_int64());
  const ProcessId leader = process(before.at("servers").at(0));
  EXPECT_TRUE(send_signal(leader, SIGKILL));
  EXPECT_TRUE(await_exit(leader, test::hang_limit));
  const UniqueFd taken = listen_on(port);
  ASSERT_EQ(run_up(), 0) << err_.str();
  const json::value after = run_status();
  EXPECT_NE(after.at("servers").at(0).at("port").as_int64(), port);
  EXPECT_EQ(after.at("servers").at(0).at("role").as_string(), "leader");
}

TEST_F(Demo, AFolderThatIsNoDemoIsNotTouched) {
  fs::create_directory(options_.dir);
  write_file(options_.dir / "precious", "data", 0644);
  EXPECT_EQ(run_up(), 1);
  EXPECT_EQ(run_down(), 1);
  EXPECT_NE(err_.str().find("not the folder of a sluice demo"), std::string::npos);
  std::ostringstream out;
  EXPECT_EQ(status({options_.dir, StatusFormat::json, test::patience}, out, err_), 1);
  EXPECT_EQ(read_file(options_.dir / "precious"), "data");
  EXPECT_EQ(std::distance(fs::directory_iterator(options_.dir), {}), 1);
}

TEST_F(Demo, DownKeepsFilesThatAreNotTheDemos) {
  options_.nodes = 1;
  ASSERT_EQ(run_up(), 0) << err_.str();
  write_file(options_.dir / "precious", "data", 0644);
  EXPECT_EQ(run_down(), 0) << err_.str();
  EXPECT_EQ(std::distance(fs::directory_iterator(options_.dir), {}), 1);
  EXPECT_EQ(read_file(options_.dir / "precious"), "data");
}

TEST_F(Demo, DownEndsServersAlsoWhenTheConfigurationIsLost) {
  options_.nodes = 1;
  ASSERT_EQ(run_up(), 0) << err_.str();
  const json::value seen = run_status();
  const ProcessId leader = process(seen.at("servers").at(0));
  fs::remove(options_.dir / "cluster.conf");
  EXPECT_EQ(run_down(), 0) << err_.str();
  EXPECT_FALSE(is_running(leader));
  EXPECT_FALSE(fs::exists(options_.dir));
}

TEST_F(Demo, DownClearsWhatAKilledUpLeft) {
  const fs::path draft = fs::path(options_.dir) / "template.new";
  SpawnOptions killed;
  killed.argv = {SLUICE_BINARY, "demo", "up", "--no-proxy", "--dir", options_.dir.string()};
  killed.lifetime = Lifetime::with_parent;
  const ProcessId id = spawn(killed);
  const fs::path made = fs::path(options_.dir) / "template";  // its name as soon as it is complete
  ASSERT_TRUE(await([&] { return fs::exists(draft / "mysql") || fs::exists(made); }, test::hang_limit));
  EXPECT_TRUE(send_signal(id, SIGKILL));
  ASSERT_TRUE(await_exit(id, test::hang_limit));

  EXPECT_EQ(run_down(), 0) << err_.str();
  EXPECT_FALSE(fs::exists(options_.dir));
}

TEST_F(Demo, ADemoIsNotTurnedIntoAnother) {
  ASSERT_EQ(run_up(), 0) << err_.str();
  options_.nodes = 3;
  EXPECT_EQ(run_up(), 1);
  EXPECT_NE(err_.str().find("already holds a demo of 2 mariadb servers"), std::string::npos);
  options_.nodes = 2;
  options_.flavour = Flavour::mysql56;
  EXPECT_EQ(run_up(), 1);
}

TEST_F(Demo, AProxyThatEndsAtOnceIsToldWithItsLogAndDownClearsTheRest) {
  options_.nodes = 1;
  const fs::path program = folder_.path() / "sluice";
  write_file(program, "#!/bin/sh\necho this is why\nexit 1\n", 0755);
  options_.sluice = program;
  options_.proxy = true;
  EXPECT_EQ(run_up(), 1);
  EXPECT_NE(err_.str().find("sluice ended before it answered"), std::string::npos);
  EXPECT_NE(err_.str().find("this is why"), std::string::npos);
  const auto text = read_file(options_.dir / "sluice.toml");
  ASSERT_TRUE(text);
  EXPECT_EQ(run_down(), 0) << err_.str();
  EXPECT_FALSE(fs::exists(options_.dir));
}

TEST_F(Demo, TheProxyAnswersIsKeptByASecondUpAndStartedAgainWhenItDied) {
  options_.sluice = SLUICE_BINARY;
  options_.proxy = true;
  // The one that it will take instead is ours, too: no test beside this one gets it while the proxy is down.
  std::uint16_t next = test::reserve_port();
  do {
    options_.client_port = next;
    next = test::reserve_port();
  } while (next != options_.client_port + 1);
  const UniqueFd taken = listen_on(options_.client_port);
  ASSERT_EQ(run_up(), 0) << err_.str();
  const json::value first = run_status();
  EXPECT_EQ(first.at("client").at("port").as_int64(), next);
  const std::string io = first.at("proxy").at("io").as_string().c_str();
  EXPECT_TRUE(io == "io_uring" || io == "epoll") << io;
  SqlAddress client;
  client.socket = first.at("client").at("socket").as_string().c_str();
  client.user = first.at("client").at("user").as_string().c_str();
  client.password = first.at("client").at("password").as_string().c_str();
  client.schema = first.at("client").at("schema").as_string().c_str();
  EXPECT_EQ(test::Sql(client).value("SELECT DATABASE()"), "app");

  const ProcessId proxy = process(first.at("proxy"));
  ASSERT_EQ(run_up(), 0) << err_.str();
  EXPECT_TRUE(is_running(proxy));
  EXPECT_TRUE(send_signal(proxy, SIGKILL));
  EXPECT_TRUE(await_exit(proxy, test::hang_limit));
  ASSERT_EQ(run_up(), 0) << err_.str();
  const json::value second = run_status();
  const ProcessId another = process(second.at("proxy"));
  EXPECT_FALSE(another == proxy);
  EXPECT_EQ(second.at("client").at("port").as_int64(), first.at("client").at("port").as_int64());
  EXPECT_EQ(run_down(), 0) << err_.str();
  EXPECT_FALSE(is_running(another));
}

TEST_F(Demo, AProxyOfAnEarlierBuildIsReplaced) {
  options_.nodes = 1;
  options_.sluice = folder_.path() / "sluice";
  options_.proxy = true;
  fs::copy_file(SLUICE_BINARY, options_.sluice);
  ASSERT_EQ(run_up(), 0) << err_.str();
  const ProcessId proxy = process(run_status().at("proxy"));
  ASSERT_EQ(run_up(), 0) << err_.str();
  EXPECT_TRUE(is_running(proxy));

  fs::copy_file(SLUICE_BINARY, folder_.path() / "next");
  fs::rename(folder_.path() / "next", options_.sluice);
  ASSERT_EQ(run_up(), 0) << err_.str();
  EXPECT_FALSE(is_running(proxy));
  EXPECT_TRUE(is_running(process(run_status().at("proxy"))));
}

TEST_F(Demo, PasswordsAreInPrivateFilesOnly) {
  options_.nodes = 1;
  ASSERT_EQ(run_up(), 0) << err_.str();
  const std::string printed = out_.str();
  unsigned secrets = 0;
  for (const auto& entry : fs::directory_iterator(options_.dir / "secrets")) {
    struct stat info{};
    ASSERT_EQ(::stat(entry.path().c_str(), &info), 0);
    EXPECT_EQ(info.st_mode & 0777U, 0600U) << entry.path();
    std::string secret = *read_file(entry.path());
    secret.pop_back();
    EXPECT_EQ(secret.size(), 24U);
    EXPECT_EQ(printed.find(secret), std::string::npos);
    for (const char* log : {"nodes/db1/error.log", "nodes/db1/my.cnf", "nodes/db1/first-start.sql"}) {
      EXPECT_EQ(read_file(options_.dir / log).value_or("").find(secret), std::string::npos) << log;
    }
    ++secrets;
  }
  EXPECT_EQ(secrets, 5U);
}

TEST_F(Demo, AServerThatCannotStartIsToldWithItsLog) {
  ASSERT_EQ(run_up(), 0) << err_.str();
  Cluster(opening()).kill();
  fs::remove(options_.dir / "nodes" / "db2" / "data" / "ibdata1");
  fs::create_directory(options_.dir / "nodes" / "db2" / "data" / "ibdata1");
  EXPECT_EQ(run_up(), 1);
  EXPECT_NE(err_.str().find("db2"), std::string::npos) << err_.str();
  EXPECT_NE(err_.str().find("[ERROR]"), std::string::npos) << err_.str();
}

TEST_F(Demo, StatusIsReadByAShell) {
  options_.nodes = 1;
  ASSERT_EQ(run_up(), 0) << err_.str();
  std::ostringstream out;
  EXPECT_EQ(status({options_.dir, StatusFormat::shell, test::patience}, out, err_), 0);
  const fs::path script = folder_.path() / "status";
  write_file(script, out.str() + "echo \"$DEMO_CLIENT_USER $DEMO_SERVERS $DEMO_SERVER_1_ROLE\"\n", 0600);
  SpawnOptions shell;
  shell.argv = {"sh", script.string()};
  shell.output = folder_.path() / "output";
  EXPECT_TRUE(await_exit(spawn(shell), test::hang_limit));
  EXPECT_EQ(read_file(shell.output), "app 1 leader\n");
}

// The leader is changed meanwhile: clients see a pause, and nothing else.
TEST_F(Demo, LoadShowsWhatClientsSeeOfASwitchover) {
  options_.proxy = true;
  options_.sluice = SLUICE_BINARY;
  ASSERT_EQ(run_up(), 0) << err_.str();
  const json::value seen = run_status();
  const auto door = [&](const char* name) {
    const auto& told = seen.at(name).as_object();
    SqlAddress address;
    address.port = static_cast<std::uint16_t>(told.at("port").to_number<unsigned>());
    address.user = told.at("user").as_string().c_str();
    address.password = told.at("password").as_string().c_str();
    return address;
  };
  std::ostringstream out;
  std::ostringstream err;
  int ended = -1;
  std::thread loading([&] {
    const LoadOptions lasting{.dir = options_.dir, .clients = 4, .lasts = std::chrono::minutes(4)};
    ended = load(lasting, out, err);
  });
  test::Sql client(door("client"));
  test::Sql admin(door("admin"));
  const auto rows = [&] { return count(client, "app.demo_load_" + std::to_string(::getpid())); };
  EXPECT_TRUE(test::await([&] { return rows() > 0; }));
  // As soon as sluice has seen that something was written.
  EXPECT_TRUE(test::await([&] { return succeeds(admin, "SWITCHOVER DRY RUN"); }));
  EXPECT_TRUE(succeeds(admin, "SWITCHOVER"));
  EXPECT_TRUE(test::await([&, before = rows()] { return rows() > before; }));
  ::pthread_kill(loading.native_handle(), SIGINT);
  loading.join();
  EXPECT_EQ(ended, 0) << out.str() << err.str();
  EXPECT_NE(out.str().find(" 0 of them missing; 0 errors; longest wait "), std::string::npos) << out.str();
}

TEST_F(Demo, LoadSaysWhyItCannot) {
  std::ostringstream out;
  EXPECT_EQ(load({.dir = options_.dir, .patience = test::patience}, out, err_), 1);
  EXPECT_NE(err_.str().find("there is no demo in"), std::string::npos) << err_.str();
  ASSERT_EQ(run_up(), 0) << err_.str();
  EXPECT_EQ(load({.dir = options_.dir, .patience = test::patience}, out, err_), 1);
  EXPECT_NE(err_.str().find("this demo has no sluice"), std::string::npos) << err_.str();
}

}  // namespace
}  // namespace sluice::demo
