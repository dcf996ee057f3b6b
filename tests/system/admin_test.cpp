// What the admin SQL port and the commands tell of a situation that we made and know.
#include "admin/demo/files.hpp"
#include "system/system_test.hpp"

namespace sluice::test {
namespace {

class AdminTest : public SystemTest {
 protected:
  // The session of that client: its connection id is the one that sluice gave it.
  std::string session(Sql& sql, const std::string& column) {
    return admin_value("SELECT " + column + " FROM sessions WHERE id = " + std::to_string(mysql_thread_id(sql.raw())));
  }
};

TEST_P(AdminTest, ServersAndClusters) {
  start();
  EXPECT_EQ(admin_value("SELECT COUNT(*) FROM servers"), "3");
  for (std::size_t node = 0; node < 3; ++node) {
    const std::string of = " FROM servers WHERE server = '" + server_name(node) + "'";
    EXPECT_EQ(admin_value("SELECT role" + of), node == 0 ? "leader" : "replica");
    EXPECT_EQ(admin_value("SELECT cluster" + of), "main");
    EXPECT_EQ(admin_value("SELECT read_only" + of), node == 0 ? "0" : "1");
    EXPECT_EQ(admin_value("SELECT server_id" + of), server_id(node));
    EXPECT_NE(admin_value("SELECT version" + of).find("MariaDB"), std::string::npos);
    await_that("its position is the server's own", [&] {
      return admin_value("SELECT position" + of) == cluster_.root(node).value("SELECT @@gtid_current_pos");
    });
    EXPECT_NE(admin_value("SELECT why" + of), "");
  }
  EXPECT_EQ(admin_value("SELECT leader FROM clusters"), server_name(0));
  EXPECT_EQ(admin_value("SELECT healthy FROM clusters"), "3");
}

TEST_P(AdminTest, WhyASessionKeepsItsConnection) {
  cluster_.app(0).exec("CREATE TABLE t (id INT)");
  cluster_->await_replicated();
  start();
  struct Case {
    std::string statement;
    std::string pin;
    std::string undo;
  };
  for (const Case& c :
       {Case{"CREATE TEMPORARY TABLE tt (id INT)", "temporary_table", ""}, Case{"SET @x = 5", "user_variable", ""},
        Case{"DO GET_LOCK('pin', 0)", "user_lock", ""}, Case{"LOCK TABLES t READ", "table_lock", "UNLOCK TABLES"},
        Case{"PREPARE p FROM 'SELECT 1'", "text_prepare", ""}, Case{"HANDLER t OPEN", "handler", ""},
        Case{"BEGIN; SELECT * FROM t", "transaction", "COMMIT"},
        Case{"SET TRANSACTION ISOLATION LEVEL SERIALIZABLE", "SET TRANSACTION", "BEGIN; COMMIT"}}) {
    Sql sql = client();
    EXPECT_EQ(session(sql, "pin"), "") << c.statement;
    sql.exec(c.statement);
    EXPECT_NE(session(sql, "pin").find(c.pin), std::string::npos) << c.statement << ": " << session(sql, "pin");
    EXPECT_EQ(session(sql, "server"), server_name(0)) << c.statement;
    EXPECT_EQ(session(sql, "in_transaction"), c.pin == "transaction" ? "1" : "0");
    if (c.undo.empty()) continue;
    sql.exec(c.undo);
    await_that(c.undo + " frees it", [&] { return session(sql, "pin").empty() && session(sql, "server").empty(); });
  }
  Sql reader = client();
  reader.query("SELECT * FROM t");
  EXPECT_EQ(session(reader, "pin"), "");
  EXPECT_EQ(session(reader, "server"), "");
}

TEST_P(AdminTest, SessionsTellWhatClientsDo) {
  start();
  Sql sql = client();
  EXPECT_EQ(session(sql, "user"), "app");
  EXPECT_EQ(session(sql, "schema"), "app");
  EXPECT_EQ(session(sql, "cluster"), "main");
  EXPECT_EQ(session(sql, "state"), "idle");
  EXPECT_EQ(session(sql, "tls"), "0");
  EXPECT_EQ(session(sql, "client").rfind("127.0.0.1:", 0), 0U);
  SqlAddress local = client_address();
  local.socket = (folder_.path() / "mysql.sock").string();
  Sql by_socket(local);
  EXPECT_EQ(session(by_socket, "client").find("127.0.0.1"), std::string::npos);
  EXPECT_EQ(admin_value("SELECT value FROM counters WHERE name = 'clients'"), "2");
}

TEST_P(AdminTest, CountersCount) {
  cluster_.app(0).exec("CREATE TABLE t (id INT)");
  cluster_->await_replicated();
  start();
  const std::uint64_t leader = count("statements_leader");
  const std::uint64_t replica = count("statements_replica");
  {
    Sql reader = client();
    const std::uint64_t logon = count("statements_leader") + count("statements_replica") - leader - replica;
    EXPECT_LE(logon, 1U);  // its schema is checked
    const std::uint64_t before = count("statements_replica");
    for (int i = 0; i < 10; ++i) reader.query("SELECT * FROM t");
    EXPECT_EQ(count("statements_replica"), before + 10);
    Sql writer = client();
    const std::uint64_t before_writes = count("statements_leader");
    for (int i = 0; i < 7; ++i) writer.exec("INSERT INTO t VALUES (1)");
    EXPECT_EQ(count("statements_leader"), before_writes + 7);
  }
  EXPECT_EQ(count("clients_accepted"), 2U);
  EXPECT_EQ(count("clients_refused"), 0U);
  EXPECT_GE(count("backends_opened"), 2U);
  EXPECT_GE(std::stoul(admin_value("SELECT SUM(statements) FROM pools")), 17U);
}

TEST_P(AdminTest, TooManyClients) {
  start({.limits = "clients_max = 5"});
  std::vector<Sql> clients;
  for (int i = 0; i < 5; ++i) clients.push_back(client());
  try {
    Sql sixth = client();
    ADD_FAILURE() << "a sixth client was let in";
  } catch (const SqlError& error) {
    EXPECT_EQ(error.code(), 1040U) << error.what();
  }
  EXPECT_EQ(count("clients_refused"), 1U);
  clients.pop_back();
  await_that("there is room again", [&] { return client().value("SELECT 1") == "1"; });
}

TEST_P(AdminTest, KillEndsASession) {
  start();
  Sql victim = client();
  Sql bystander = client();
  admin().exec("KILL " + std::to_string(mysql_thread_id(victim.raw())));
  await_that("it is gone", [&] { return admin_value("SELECT COUNT(*) FROM sessions") == "1"; });
  EXPECT_NE(outcome_of(victim, "SELECT 1").code, 0U);
  EXPECT_EQ(bystander.value("SELECT 1"), "1");
  // A client kills another of its own account.
  Sql third = client();
  bystander.exec("KILL " + std::to_string(mysql_thread_id(third.raw())));
  await_that("it is gone, too", [&] { return admin_value("SELECT COUNT(*) FROM sessions") == "1"; });
}

TEST_P(AdminTest, SettingsAreThoseOfTheFile) {
  start({.limits = "hold_max_ms = \"7s\"\ninspect_max = \"512KiB\""});
  EXPECT_EQ(admin_value("SELECT value FROM settings WHERE name = 'limits.hold_max_ms'"), "7s");
  EXPECT_EQ(admin_value("SELECT value FROM settings WHERE name = 'limits.inspect_max'"), "512KiB");
  EXPECT_EQ(admin_value("SELECT value FROM settings WHERE name = 'proxy.io'"), GetParam());
  EXPECT_EQ(admin_value("SELECT value FROM settings WHERE name = 'cluster.main.monitor_interval_ms'"), "50ms");
}

TEST_P(AdminTest, StatusCommand) {
  start();
  const std::string config = (folder_.path() / "sluice.toml").string();
  const CommandResult text = command({"status", "--config", config});
  EXPECT_EQ(text.code, 0) << text.output;
  const CommandResult json = command({"status", "--config", config, "--json"});
  EXPECT_EQ(json.code, 0) << json.output;
  for (std::size_t node = 0; node < 3; ++node) {
    EXPECT_NE(text.output.find(server_name(node)), std::string::npos) << text.output;
    EXPECT_NE(json.output.find("\"" + server_name(node) + "\""), std::string::npos) << json.output;
  }
  EXPECT_EQ(json.output.front(), '{');
  cluster_->node(2).kill();
  await_that("it is seen", [&] { return command({"status", "--config", config}).code == 1; });
  cluster_->up();
  await_healthy();
  EXPECT_EQ(proxy_->terminate(), 0);
  ended_ = true;
  EXPECT_EQ(command({"status", "--config", config}).code, 2);
}

TEST_P(AdminTest, CheckCommand) {
  start();
  const auto config = folder_.path() / "sluice.toml";
  EXPECT_EQ(command({"check", "--config", config.string()}).code, 0);
  const auto broken = folder_.path() / "broken.toml";
  std::string toml = demo::read_file(config).value_or("");
  toml.insert(toml.find("[limits]\n") + 9, "hold_max_mss = 5\n");
  demo::write_file(broken, toml, 0600);
  const CommandResult result = command({"check", "--config", broken.string()});
  EXPECT_EQ(result.code, 1);
  EXPECT_NE(result.output.find("broken.toml:"), std::string::npos) << result.output;
  EXPECT_NE(result.output.find("hold_max_ms"), std::string::npos) << result.output;
  EXPECT_EQ(command({"run", "--config", broken.string()}).code, 1);
  EXPECT_EQ(command({"run", "--config", config.string()}).code, 2);  // the ports are taken, by the one that runs
  EXPECT_EQ(command({"check", "--config", (folder_.path() / "missing.toml").string()}).code, 1);
}

INSTANTIATE_TEST_SUITE_P(Loops, AdminTest, on_loops(), loop_name);

}  // namespace
}  // namespace sluice::test
