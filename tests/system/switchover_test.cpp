// A planned change of leader through the binary: applications write on, and lose nothing.
#include <sys/stat.h>

#include <atomic>
#include <condition_variable>
#include <csignal>
#include <fstream>
#include <future>
#include <mutex>
#include <set>
#include <thread>

#include "system/system_test.hpp"

namespace sluice::test {
namespace {

// Clients that write on and on, each its own ids: half in autocommit mode, half in transactions of two rows.
class Writers {
 public:
  Writers(const SqlAddress& address, unsigned count) {
    for (unsigned i = 0; i < count; ++i) threads_.emplace_back([this, address, i] { run(address, i); });
  }
  ~Writers() { stop(); }
  Writers(const Writers&) = delete;
  Writers& operator=(const Writers&) = delete;

  void stop() {
    stopping_ = true;
    stopped_.notify_all();
    for (auto& thread : threads_) thread.join();
    threads_.clear();
  }
  [[nodiscard]] std::uint64_t written() const { return written_; }
  void await_more(std::uint64_t rows) {
    const auto wanted = written() + rows;
    await_that("writes go on", [&] { return written() >= wanted || failed_; });
  }
  // After stop().
  [[nodiscard]] const std::set<std::uint64_t>& acknowledged() const { return acknowledged_; }
  [[nodiscard]] const std::string& error() const { return error_; }

 private:
  // Between two writes, so that a replica has not more to catch up with than a busy machine can.
  static constexpr milliseconds pace{2};
  static constexpr std::uint64_t ids_per_writer = 1'000'000;

  void run(const SqlAddress& address, unsigned number) {
    std::set<std::uint64_t> mine;
    try {
      Sql sql(address);
      for (std::uint64_t id = number * ids_per_writer; !stopping_; id += 2) {
        const std::string insert = "INSERT INTO t VALUES (" + std::to_string(id) + ")";
        if (number % 2 == 0) {
          sql.exec(insert);
          mine.insert(id);
        } else {
          sql.exec("BEGIN");
          sql.exec(insert);
          sql.exec("INSERT INTO t VALUES (" + std::to_string(id + 1) + ")");
          sql.exec("COMMIT");
          mine.insert({id, id + 1});
        }
        ++written_;
        std::unique_lock lock(mutex_);
        stopped_.wait_for(lock, pace, [&] { return stopping_.load(); });
      }
    } catch (const SqlError& error) {
      failed_ = true;
      const std::lock_guard lock(mutex_);
      error_ = std::to_string(error.code()) + " " + error.what();
    }
    const std::lock_guard lock(mutex_);
    acknowledged_.merge(mine);
  }

  std::atomic<bool> stopping_ = false;
  std::atomic<bool> failed_ = false;
  std::atomic<std::uint64_t> written_ = 0;
  std::mutex mutex_;
  std::condition_variable stopped_;
  std::set<std::uint64_t> acknowledged_;
  std::string error_;
  std::vector<std::thread> threads_;
};

class SwitchoverTest : public SystemTest {
 protected:
  explicit SwitchoverTest(Flavour flavour = Flavour::mariadb, unsigned nodes = 3) : SystemTest(flavour, nodes) {
    cluster_.app(0).exec("CREATE TABLE t (id INT PRIMARY KEY)");
    cluster_->await_replicated();
  }

  [[nodiscard]] std::string replication() const {
    return "replication = { user = \"" + std::string(demo::replication_user) + "\", password = \"" +
           cluster_->passwords().replication + "\" }";
  }
  [[nodiscard]] Settings patient(const std::string& hook = {}, const std::string& drain_max = {}) const {
    std::string lines = hook;
    if (!drain_max.empty()) lines += "switchover_drain_max_ms = \"" + drain_max + "\"\n";
    return {.cluster = replication(), .failover = lines};
  }
  [[nodiscard]] std::string leader_name() const { return admin_value("SELECT leader FROM clusters"); }
  [[nodiscard]] Outcome switch_to(std::size_t node) const {
    Sql sql(admin_address(config_));
    return outcome_of(sql, "SWITCHOVER TO '" + server_name(node) + "'");
  }
  [[nodiscard]] std::string last_change(const std::string& column) const {
    return admin_value("SELECT " + column + " FROM changes ORDER BY number DESC LIMIT 1");
  }
  // Servers that take writes: there must be one.
  [[nodiscard]] std::set<std::size_t> writable() const {
    std::set<std::size_t> found;
    for (std::size_t i = 0; i < cluster_->size(); ++i) {
      if (cluster_.root(i).value("SELECT @@GLOBAL.read_only") == "0") found.insert(i);
    }
    return found;
  }
  // Every server has the same rows, and all that were acknowledged.
  void expect_nothing_lost(const Writers& writers) {
    cluster_->await_replicated();
    std::string first;
    for (std::size_t i = 0; i < cluster_->size(); ++i) {
      std::set<std::uint64_t> there;
      for (const auto& row : cluster_.root(i).query("SELECT id FROM app.t")) there.insert(std::stoull(*row.at(0)));
      for (const auto id : writers.acknowledged()) ASSERT_TRUE(there.contains(id)) << id << " on server " << i;
      const std::string checksum = cluster_.root(i).query("CHECKSUM TABLE app.t").at(0).at(1).value_or("");
      if (i == 0) first = checksum;
      EXPECT_EQ(checksum, first) << "server " << i;
    }
  }
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
    EXPECT_EQ(writers.error(), "");
    expect_nothing_lost(writers);
    EXPECT_EQ(admin_value("SELECT COUNT(*) FROM changes WHERE state = 'done'"), "4");
    EXPECT_EQ(admin_value("SELECT MAX(epoch) FROM changes"), "5");
    await_healthy();
    EXPECT_EQ(count("outcome_unknown"), 0U);
    EXPECT_EQ(count("transactions_lost"), 0U);
  }
};

TEST_P(SwitchoverTest, ThereAndBackUnderWriters) { there_and_back(); }

TEST_P(SwitchoverTest, ByTheCommandLine) {
  start(patient());
  const auto config = (folder_.path() / "sluice.toml").string();
  const auto done = command({"switchover", "--config", config});
  EXPECT_EQ(done.code, 0) << done.output;
  EXPECT_NE(done.output.find("promote " + leader_name()), std::string::npos) << done.output;
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
             [&] { return admin_value("SELECT COUNT(*) FROM changes WHERE kind = 'recovery'") == "1"; });
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
             [&] { return admin_value("SELECT COUNT(*) FROM changes WHERE kind = 'recovery'") == "1"; });
  EXPECT_EQ(leader_name(), server_name(1));
  EXPECT_EQ(writable(), (std::set<std::size_t>{1}));
  EXPECT_EQ(admin_value("SELECT epoch FROM changes WHERE kind = 'recovery'"), "2");
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
