// No password is shown: not in the log, not in the admin tables, not in a command's output, not in /proc.
#include <csignal>

#include "admin/demo/files.hpp"
#include "system/system_test.hpp"

namespace sluice::test {
namespace {

class SecretsTest : public SystemTest {};

TEST_P(SecretsTest, NoPasswordIsShownAnywhere) {
  const std::string typed = "wrong-Passw0rd-typed";
  start({.extra = "[[user]]\nname = \"inline\"\npassword = \"inline-Passw0rd\"\n[log]\nlevel = \"debug\"\n"});
  {
    Sql sql = client();
    sql.exec("CREATE TABLE t (id INT)");
    EXPECT_EQ(outcome_of(sql, "SET PASSWORD = PASSWORD('statement-Passw0rd'), no_such = 1").code != 0, true);
    for (const auto& [user, password] : std::vector<std::pair<std::string, std::string>>{
             {"app", typed}, {"inline", "inline-Passw0rd"}, {"nobody", typed}}) {
      SqlAddress address = client_address();
      address.user = user;
      address.password = password;
      EXPECT_THROW(Sql{address}, SqlError);
    }
    SqlAddress door = admin_address(config_);
    door.password = typed;
    EXPECT_THROW(Sql{door}, SqlError);
    mysql_change_user(sql.raw(), "app", typed.c_str(), nullptr);
  }
  // The monitor is refused for a while, and says so.
  const std::string monitor = cluster_->passwords().monitor;
  cluster_.root(0).exec("SET PASSWORD FOR 'sluice'@'%' = PASSWORD('another')");
  cluster_->await_replicated();
  cluster_.root(1).exec("KILL USER sluice");
  await_that("the monitor is refused",
             [&] { return admin_value("SELECT COUNT(*) FROM events WHERE kind = 'server_unhealthy'") != "0"; });
  cluster_.root(0).exec("SET PASSWORD FOR 'sluice'@'%' = PASSWORD('" + monitor + "')");
  await_healthy();
  proxy_->signal(SIGHUP);
  proxy_->await_log("the users were read again");

  Sql door = admin();
  std::string shown = proxy_->log();
  for (const auto& table : door.query("SELECT name FROM tables")) {
    for (const auto& row : door.query("SELECT * FROM " + table.front().value_or(""))) {
      for (const auto& value : row) shown += value.value_or("") + "\n";
    }
  }
  const std::string config = (folder_.path() / "sluice.toml").string();
  for (const std::vector<std::string>& arguments : {std::vector<std::string>{"status", "--config", config},
                                                    {"status", "--config", config, "--json"},
                                                    {"check", "--config", config}}) {
    const CommandResult result = command(arguments);
    EXPECT_EQ(result.code, 0) << result.output;
    shown += result.output;
  }
  for (const char* file : {"cmdline", "environ"}) {
    const auto text = demo::read_file("/proc/" + std::to_string(proxy_->pid()) + "/" + file);
    ASSERT_TRUE(text);
    shown += *text;
  }
  EXPECT_NE(shown.find("login_failed"), std::string::npos);
  EXPECT_NE(shown.find("user.app.password"), std::string::npos);
  for (const std::string& secret : {cluster_->passwords().app, monitor, admin_address(config_).password,
                                    std::string("inline-Passw0rd"), std::string("statement-Passw0rd"), typed}) {
    ASSERT_GT(secret.size(), 7U);
    const auto at = shown.find(secret);
    EXPECT_EQ(at, std::string::npos) << shown.substr(at < 200 ? 0 : at - 200, 240);
  }
}

INSTANTIATE_TEST_SUITE_P(Loops, SecretsTest, on_loops(), loop_name);

}  // namespace
}  // namespace sluice::test
