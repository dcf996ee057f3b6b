// A planned change of leader through the binary: applications write on, and lose nothing.
#include <sys/stat.h>

#include <boost/json.hpp>
#include <csignal>
#include <fstream>
#include <future>

#include "system/leader_change_test.hpp"

namespace sluice::test {
namespace {

class SwitchoverTest : public LeaderChangeTest {
 protected:
  using LeaderChangeTest::LeaderChangeTest;

  void there_and_back() {
    start(patient());
    Writers writers(client_address(), 8);
    for (std::size_t round = 0; round < 4; ++round) {
      writers.await_more(50);
      const std::size_t to = (round + 1) % 2;
      const Outcome outcome = switch_to(to);
      ASSERT_EQ(outcome.code, 0U) << outcome;
      EXPECT_EQ(leader_name(), server_name(to));
      EXPECT_EQ(writable(), (std::set<std::size_t>{to}));
    }
    writers.await_more(50);
    writers.stop();
    EXPECT_TRUE(writers.errors().empty()) << writers.errors().front();
    expect_nothing_lost(writers);
    EXPECT_EQ(admin_value("SELECT COUNT(*) FROM history WHERE state = 'done'"), "4");
    EXPECT_EQ(admin_value("SELECT MAX(epoch) FROM history"), "5");
    await_healthy();
    EXPECT_EQ(count("outcome_unknown"), 0U);
    EXPECT_EQ(count("transactions_lost"), 0U);
  }
};

TEST_P(SwitchoverTest, ThereAndBackUnderWriters) { there_and_back(); }

// Those who waited find connections on the new leader.
TEST_P(SwitchoverTest, ConnectionsAreOpenedBeforeAnybodyWaits) {
  start(patient());
  std::vector<Sql> sessions;
  for (int i = 0; i < 6; ++i) sessions.push_back(client());
  for (auto& session : sessions) session.exec("BEGIN");
  for (std::size_t i = 0; i < sessions.size(); ++i)
    sessions[i].exec("INSERT INTO t VALUES (" + std::to_string(i) + ")");
  for (auto& session : sessions) session.exec("COMMIT");
  const auto connections = [&](std::size_t node) {
    return admin_value("SELECT SUM(idle + kept + busy) FROM pools WHERE server = '" + server_name(node) + "'");
  };
  const auto led = connections(0);
  EXPECT_GE(std::stoi(led), 6);
  EXPECT_EQ(switch_to(1).code, 0U);
  EXPECT_GE(std::stoi(connections(1)), std::stoi(led));
  EXPECT_EQ(admin_value("SELECT what FROM history_steps WHERE step = 1"), "warm " + server_name(1));
  for (std::size_t i = 0; i < sessions.size(); ++i)
    sessions[i].exec("INSERT INTO t VALUES (" + std::to_string(100 + i) + ")");
  EXPECT_EQ(sessions.front().value("SELECT COUNT(*) FROM t"), "12");
}

// The gate has never been closed, and what was done before is in the history.
TEST_P(SwitchoverTest, ANewLeaderThatDoesNotCatchUpIsNotWaitedFor) {
  Settings settings = patient();
  settings.failover += "switchover_approach_max_ms = 100\nswitchover_stall_max_ms = 200\n";
  start(settings);
  Sql blocking = cluster_.root(1);
  blocking.exec("LOCK TABLES app.t READ");
  Sql writer = client();
  writer.exec("INSERT INTO t VALUES (1)");
  const Outcome refused = switch_to(1);
  EXPECT_NE(refused.code, 0U);
  EXPECT_NE(refused.text.find(server_name(1) + " does not come near " + server_name(0)), std::string::npos) << refused;
  EXPECT_EQ(last_change("state"), "refused");
  EXPECT_EQ(admin_value("SELECT GROUP_CONCAT(what || ':' || ok) FROM history_steps"),
            "warm " + server_name(1) + ":1,approach " + server_name(1) + ":0");
  EXPECT_EQ(count("gates_closed"), 0U);
  writer.exec("INSERT INTO t VALUES (2)");
  blocking.exec("UNLOCK TABLES");
  EXPECT_EQ(leader_name(), server_name(0));
  EXPECT_EQ(writable(), (std::set<std::size_t>{0}));
}

TEST_P(SwitchoverTest, ByTheCommandLine) {
  start(patient());
  const auto config = (folder_.path() / "sluice.toml").string();
  const auto done = command({"switchover", "--config", config});
  EXPECT_EQ(done.code, 0) << done.output;
  EXPECT_NE(done.output.find("promote " + leader_name()), std::string::npos) << done.output;
  EXPECT_NE(done.output.find(" in all\n"), std::string::npos) << done.output;
  EXPECT_EQ(done.output.find("FAILED"), std::string::npos) << done.output;
  EXPECT_NE(leader_name(), server_name(0));
  const auto back = command({"switchover", "--config", config, "--cluster", "main", "--to", server_name(0)});
  EXPECT_EQ(back.code, 0) << back.output;
  const auto refused = command({"switchover", "--config", config, "--to", server_name(0)});
  EXPECT_EQ(refused.code, 1);
  EXPECT_NE(refused.output.find("leads already"), std::string::npos) << refused.output;
  EXPECT_EQ(command({"switchover", "--config", config, "--cluster", "other"}).code, 1);
  const auto history = command({"history", "--config", config});
  EXPECT_EQ(history.code, 0);
  EXPECT_NE(history.output.find("refused"), std::string::npos) << history.output;
  const auto all = boost::json::parse(command({"history", "--config", config, "--json"}).output).as_object();
  EXPECT_EQ(all.at("history").as_array().size(), 3U);
  EXPECT_EQ(all.at("history").at(0).at("state"), "done");
  EXPECT_GT(all.at("steps").as_array().size(), 10U);
}

TEST_P(SwitchoverTest, ADryRunTellsWhatSpeaksAgainstItAndChangesNothing) {
  start(patient());
  const auto config = (folder_.path() / "sluice.toml").string();
  const auto fine = command({"switchover", "--config", config, "--to", server_name(1), "--dry-run"});
  EXPECT_EQ(fine.code, 0) << fine.output;
  EXPECT_NE(fine.output.find(server_name(1) + " would take over from " + server_name(0)), std::string::npos)
      << fine.output;
  cluster_.root(1).exec("STOP SLAVE");
  await_that("the monitor has seen it",
             [&] { return admin_value("SELECT healthy FROM servers WHERE server = '" + server_name(1) + "'") == "0"; });
  const auto refused = command({"switchover", "--config", config, "--to", server_name(1), "--dry-run"});
  EXPECT_EQ(refused.code, 1) << refused.output;
  EXPECT_NE(refused.output.find("the dry run was refused: " + server_name(1)), std::string::npos) << refused.output;
  cluster_.root(1).exec("START SLAVE");
  EXPECT_EQ(count("gates_closed"), 0U);
  EXPECT_EQ(admin_value("SELECT COUNT(*) FROM history"), "0");
  EXPECT_EQ(leader_name(), server_name(0));
  EXPECT_EQ(writable(), (std::set<std::size_t>{0}));
}

// It needs no sluice that runs, and changes nothing.
TEST_P(SwitchoverTest, CheckAsksTheServersWhetherTheAccountsMayDoIt) {
  start(patient());
  const std::vector<std::string> check{"check", "--config", (folder_.path() / "sluice.toml").string(), "--connect"};
  const auto good = command(check);
  EXPECT_EQ(good.code, 0) << good.output;
  for (std::size_t i = 0; i < 3; ++i) {
    for (const char* account : {"monitor", "manager"})
      EXPECT_NE(good.output.find("main: " + server_name(i) + ": " + account + ": good"), std::string::npos)
          << good.output;
  }
  EXPECT_NE(good.output.find("main: " + server_name(0) + " leads"), std::string::npos) << good.output;
  const std::string account = "'" + std::string(demo::manager_user) + "'@'%'";
  cluster_.root(1).exec("SET STATEMENT sql_log_bin = 0 FOR REVOKE RELOAD ON *.* FROM " + account);
  const auto bad = command(check);
  cluster_.root(1).exec("SET STATEMENT sql_log_bin = 0 FOR GRANT RELOAD ON *.* TO " + account);
  EXPECT_EQ(bad.code, 2) << bad.output;
  EXPECT_NE(bad.output.find("main: " + server_name(0) + ": manager: good"), std::string::npos) << bad.output;
  EXPECT_NE(bad.output.find("GRANT "), std::string::npos) << bad.output;
  EXPECT_EQ(bad.output.find(cluster_->passwords().manager), std::string::npos);
  EXPECT_EQ(writable(), (std::set<std::size_t>{0}));
}

TEST_P(SwitchoverTest, WithoutAManagerAccountSluiceOnlyRoutes) {
  Settings settings = patient();
  settings.manager = false;
  start(settings);
  const Outcome refused = switch_to(1);
  EXPECT_NE(refused.text.find("has no manager account, so sluice only routes"), std::string::npos) << refused;
  EXPECT_NE(proxy_->log().find("cluster main has no manager account"), std::string::npos);
  EXPECT_EQ(client().value("SELECT 1"), "1");
}

TEST_P(SwitchoverTest, AServerInMaintenanceDoesNotTakeOverAndIsNotRead) {
  start(patient());
  Sql admin = this->admin();
  const Outcome leads = outcome_of(admin, "MAINTENANCE ON '" + server_name(0) + "'");
  EXPECT_NE(leads.text.find("leads: make another server the leader first"), std::string::npos) << leads;
  EXPECT_EQ(outcome_of(admin, "MAINTENANCE ON 'nobody:1'").code, 1105U);
  EXPECT_EQ(outcome_of(admin, "MAINTENANCE ON '" + server_name(1) + "'").code, 0U);
  EXPECT_EQ(admin.value("SELECT GROUP_CONCAT(maintenance, '') FROM servers"), "010");
  await_routing();
  for (int i = 0; i < 20; ++i) EXPECT_EQ(client().value("SELECT @@server_id"), server_id(2));
  const Outcome refused = switch_to(1);
  EXPECT_NE(refused.text.find("maintenance"), std::string::npos) << refused;
  const Outcome other = outcome_of(admin, "SWITCHOVER CLUSTER main");
  EXPECT_EQ(other.code, 0U) << other;
  EXPECT_EQ(leader_name(), server_name(2));
  EXPECT_EQ(outcome_of(admin, "MAINTENANCE OFF '" + server_name(1) + "'").code, 0U);
  EXPECT_EQ(switch_to(1).code, 0U);
}

TEST_P(SwitchoverTest, ATransactionThatDoesNotEndIsLeftAloneAndTheChangeTakenBack) {
  start(patient({}, "100ms"));
  Sql open = client();
  open.exec("BEGIN");
  open.exec("INSERT INTO t VALUES (1)");
  const Outcome outcome = switch_to(1);
  EXPECT_EQ(outcome.code, 1105U);
  EXPECT_NE(outcome.text.find("was not drained"), std::string::npos) << outcome;
  EXPECT_EQ(last_change("state"), "rolled back");
  EXPECT_EQ(writable(), (std::set<std::size_t>{0}));
  open.exec("INSERT INTO t VALUES (2)");
  open.exec("COMMIT");
  Sql other = client();
  other.exec("INSERT INTO t VALUES (3)");
  EXPECT_EQ(other.value("SELECT COUNT(*) FROM t"), "3");
}

TEST_P(SwitchoverTest, WhatWouldFailIsRefusedBeforeAnyClientWaits) {
  start(patient());
  cluster_.root(1).exec("STOP SLAVE");
  await_that("the monitor has seen it",
             [&] { return admin_value("SELECT healthy FROM servers WHERE server = '" + server_name(1) + "'") == "0"; });
  EXPECT_EQ(switch_to(1).code, 1105U);
  EXPECT_EQ(last_change("state"), "refused");
  cluster_.root(1).exec("START SLAVE");
  EXPECT_EQ(count("gates_closed"), 0U);
  EXPECT_EQ(writable(), (std::set<std::size_t>{0}));
}

TEST_P(SwitchoverTest, AHookSaysNo) {
  const auto hook = folder_.path() / "hook";
  std::ofstream(hook) << "#!/bin/sh\necho \"not on a Friday: $SLUICE_OLD_LEADER\"\nexit 3\n";
  std::filesystem::permissions(hook, std::filesystem::perms::owner_all);
  start(patient("hook_before = \"" + hook.string() + "\"\n"));
  const Outcome outcome = switch_to(1);
  EXPECT_NE(outcome.text.find("not on a Friday: " + server_name(0)), std::string::npos) << outcome;
  EXPECT_EQ(count("gates_closed"), 0U);
  EXPECT_EQ(leader_name(), server_name(0));
}

// A hook that tells when it runs, and waits until the test lets it go on.
class WaitingHook {
 public:
  explicit WaitingHook(const std::filesystem::path& folder)
      : script_(folder / "hook"), began_(folder / "began"), go_on_(folder / "go_on") {
    EXPECT_EQ(::mkfifo(go_on_.c_str(), 0600), 0);
    std::ofstream(script_) << "#!/bin/sh\n: > " << began_ << "\nread line < " << go_on_ << "\n";
    std::filesystem::permissions(script_, std::filesystem::perms::owner_all);
  }
  [[nodiscard]] std::string setting(const std::string& key) const { return key + " = \"" + script_.string() + "\"\n"; }
  void await_begun() const {
    await_that("the hook runs", [&] { return std::filesystem::exists(began_); });
  }
  void go_on() const { std::ofstream(go_on_) << "go\n"; }

 private:
  std::filesystem::path script_;
  std::filesystem::path began_;
  std::filesystem::path go_on_;
};

// A drain at SIGTERM waits for the change: half of one would leave nobody in the lead.
TEST_P(SwitchoverTest, EndsAChangeBeforeItEndsItself) {
  const WaitingHook hook(folder_.path());
  start(patient(hook.setting("hook_before")));
  auto change = std::async(std::launch::async, [&] { return switch_to(1); });
  hook.await_begun();
  proxy_->signal(SIGTERM);
  proxy_->await_log("draining");
  hook.go_on();
  EXPECT_EQ(proxy_->await_end(), 0);
  ended_ = true;
  static_cast<void>(change.get());
  EXPECT_EQ(writable(), (std::set<std::size_t>{1})) << proxy_->log();
}

// Killed while the leader was frozen and the candidate not yet promoted: the next start takes it back.
TEST_P(SwitchoverTest, KilledBeforeThePromotionItIsTakenBackAtTheNextStart) {
  const WaitingHook hook(folder_.path());
  const Settings settings = patient(hook.setting("hook_before"));
  start(settings);
  auto change = std::async(std::launch::async, [&] { return switch_to(1); });
  hook.await_begun();
  cluster_.root(1).exec("STOP SLAVE SQL_THREAD");
  cluster_.app(0).exec("INSERT INTO t VALUES (1)");
  hook.go_on();
  await_that("the leader is frozen", [&] { return writable().empty(); });
  proxy_->signal(SIGKILL);
  EXPECT_EQ(proxy_->await_end(), 128 + SIGKILL);
  EXPECT_NE(change.get().code, 0U);
  cluster_.root(1).exec("START SLAVE");
  launch(settings);
  await_healthy();
  await_that("it is settled",
             [&] { return admin_value("SELECT COUNT(*) FROM history WHERE kind = 'recovery'") == "1"; });
  EXPECT_EQ(writable(), (std::set<std::size_t>{0}));
  Sql sql = client();
  sql.exec("INSERT INTO t VALUES (2)");
  EXPECT_EQ(sql.value("SELECT COUNT(*) FROM t"), "2");
  EXPECT_EQ(admin_value("SELECT COUNT(*) FROM events WHERE kind = 'change_settled'"), "1");
}

// Killed when the new leader led already: it goes on leading.
TEST_P(SwitchoverTest, KilledAfterThePromotionItIsFinishedAtTheNextStart) {
  const WaitingHook hook(folder_.path());
  const Settings settings = patient(hook.setting("hook_after"));
  start(settings);
  auto change = std::async(std::launch::async, [&] { return switch_to(1); });
  hook.await_begun();
  cluster_.root(2).exec("STOP SLAVE");  // as if it had not been repointed yet
  proxy_->signal(SIGKILL);
  EXPECT_EQ(proxy_->await_end(), 128 + SIGKILL);
  hook.go_on();
  EXPECT_NE(change.get().code, 0U);
  launch(settings);
  await_healthy();
  await_that("it is settled",
             [&] { return admin_value("SELECT COUNT(*) FROM history WHERE kind = 'recovery'") == "1"; });
  EXPECT_EQ(leader_name(), server_name(1));
  EXPECT_EQ(writable(), (std::set<std::size_t>{1}));
  EXPECT_EQ(admin_value("SELECT epoch FROM history WHERE kind = 'recovery'"), "2");
}

INSTANTIATE_TEST_SUITE_P(Loops, SwitchoverTest, on_loops(), loop_name);

class Mysql56SwitchoverTest : public SwitchoverTest {
 protected:
  Mysql56SwitchoverTest() : SwitchoverTest(Flavour::mysql56, 2) {}
};

TEST_P(Mysql56SwitchoverTest, ThereAndBackUnderWriters) { there_and_back(); }

INSTANTIATE_TEST_SUITE_P(Loops, Mysql56SwitchoverTest, on_loops(), loop_name);

}  // namespace
}  // namespace sluice::test
