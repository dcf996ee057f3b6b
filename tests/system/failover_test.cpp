// A leader that dies, hangs or comes back, through the binary: applications write on, and lose nothing acknowledged.
#include <atomic>
#include <condition_variable>
#include <filesystem>
#include <mutex>
#include <optional>
#include <set>
#include <thread>

#include "system/system_test.hpp"

namespace sluice::test {
namespace {

// Clients that write on and on, each its own ids, each id once: half in autocommit mode, half in transactions of
// two rows. What was answered with an error may be there or not.
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
  void await_more(std::uint64_t statements) {
    const auto wanted = written_ + statements;
    await_that("writes go on", [&] { return written_ >= wanted; });
  }
  // After stop().
  [[nodiscard]] const std::set<std::uint64_t>& acknowledged() const { return acknowledged_; }
  [[nodiscard]] const std::set<std::uint64_t>& unknown() const { return unknown_; }
  [[nodiscard]] const std::vector<std::string>& errors() const { return errors_; }
  [[nodiscard]] unsigned connections_lost() const { return connections_lost_; }

 private:
  // Between two writes, so that a server that was away has not more to catch up with than a busy machine can.
  static constexpr milliseconds pace{2};
  static constexpr std::uint64_t ids_per_writer = 1'000'000;

  void run(const SqlAddress& address, unsigned number) {
    std::optional<Sql> sql;
    for (std::uint64_t id = number * ids_per_writer; !stopping_; id += 2) {
      std::set<std::uint64_t> rows = {id};
      if (number % 2 == 1) rows.insert(id + 1);
      try {
        if (!sql) sql.emplace(address, hang_limit);
        write(*sql, rows);
        ++written_;
        std::unique_lock lock(mutex_);
        acknowledged_.merge(rows);
        stopped_.wait_for(lock, pace, [&] { return stopping_.load(); });
      } catch (const SqlError& error) {
        const std::lock_guard lock(mutex_);
        unknown_.merge(rows);
        errors_.push_back(std::to_string(error.code()) + " " + error.what());
        if (error.code() < 2000 || error.code() >= 3000) continue;  // the connection goes on
        ++connections_lost_;
        sql.reset();
      }
    }
  }
  static void write(Sql& sql, const std::set<std::uint64_t>& rows) {
    if (rows.size() > 1) sql.exec("BEGIN");
    for (const auto id : rows) sql.exec("INSERT INTO t VALUES (" + std::to_string(id) + ")");
    if (rows.size() > 1) sql.exec("COMMIT");
  }

  std::atomic<bool> stopping_ = false;
  std::atomic<std::uint64_t> written_ = 0;
  std::mutex mutex_;
  std::condition_variable stopped_;
  std::set<std::uint64_t> acknowledged_;
  std::set<std::uint64_t> unknown_;
  std::vector<std::string> errors_;
  unsigned connections_lost_ = 0;
  std::vector<std::thread> threads_;
};

class FailoverTest : public SystemTest {
 protected:
  FailoverTest() : SystemTest(Flavour::mariadb, 3) {
    cluster_.app(0).exec("CREATE TABLE t (id INT PRIMARY KEY)");
    cluster_->await_replicated();
    insist(0, true);
  }
  ~FailoverTest() override {
    for (std::size_t i = 0; i < 3; ++i) {
      if (cluster_->node(i).running()) insist(i, false);
    }
  }

  // The demo's leaders acknowledge alone when no replica is there: then nobody can know what one had acknowledged that
  // is gone.
  void insist(std::size_t node, bool on) {
    cluster_.root(node).exec("SET GLOBAL rpl_semi_sync_master_wait_no_slave = " + std::string(on ? "1" : "0"));
  }
  void start_node(std::size_t node) {
    cluster_->node(node).start();
    cluster_->node(node).await_ready();
  }

  // Only what a hung leader lets pass is short, and longer than a machine stands still for.
  [[nodiscard]] Settings supervised(const std::string& mode = "automatic") const {
    const std::string account = "replication = { user = \"" + std::string(demo::replication_user) +
                                "\", password = \"" + cluster_->passwords().replication + "\" }";
    const std::string short_ms = std::to_string(scaled_ms(2000));
    return {.cluster = account,
            .failover = "mode = \"" + mode + "\"\ndetection_time_ms = " + short_ms + "\ninterval_min_ms = 0\n" +
                        "stop_io_max_ms = " + short_ms + "\nfence_max_ms = " + short_ms + "\n"};
  }
  void start_supervised(const std::string& mode = "automatic") { start_supervised(supervised(mode)); }
  void start_supervised(const Settings& settings) {
    start(settings);
    await_leads(0);
    await_that("it is on record", [&] { return proxy_->log().find("adopted") != std::string::npos; });
  }
  [[nodiscard]] std::string leader_name() const { return admin_value("SELECT leader FROM clusters"); }
  void await_leads(std::size_t node) {
    await_that(server_name(node) + " leads", [&] { return leader_name() == server_name(node); });
  }
  std::size_t await_another(std::size_t lost) {
    std::string leader;
    await_that("another leads", [&] {
      leader = leader_name();
      return !leader.empty() && leader != server_name(lost);
    });
    return leader == server_name(1) ? 1 : leader == server_name(2) ? 2 : 0;
  }
  [[nodiscard]] bool writable(std::size_t node) {
    return cluster_.root(node).value("SELECT @@GLOBAL.read_only") == "0";
  }
  // The former leader is read-only and follows the new one, or is left out because it has what nobody acknowledged.
  bool await_back(std::size_t node) {
    std::string healthy;
    await_that(server_name(node) + " is back", [&] {
      healthy = admin_value("SELECT healthy FROM servers WHERE server = '" + server_name(node) + "'");
      return healthy == "1" || proxy_->log().find(server_name(node) + " has transactions that") != std::string::npos;
    });
    EXPECT_FALSE(writable(node));
    return healthy == "1";
  }
  // Every server has the same rows: all that were acknowledged, and none that nobody wrote.
  void expect_nothing_lost(const Writers& writers, std::optional<std::size_t> left_out = {}) {
    cluster_->await_replicated();
    std::string first;
    for (std::size_t i = 0; i < cluster_->size(); ++i) {
      if (i == left_out) continue;
      std::set<std::uint64_t> there;
      for (const auto& row : cluster_.root(i).query("SELECT id FROM app.t")) there.insert(std::stoull(*row.at(0)));
      for (const auto id : writers.acknowledged()) ASSERT_TRUE(there.contains(id)) << id << " on server " << i;
      for (const auto id : there) {
        ASSERT_TRUE(writers.acknowledged().contains(id) || writers.unknown().contains(id)) << id << " on " << i;
      }
      const std::string checksum = cluster_.root(i).query("CHECKSUM TABLE app.t").at(0).at(1).value_or("");
      if (first.empty()) first = checksum;
      EXPECT_EQ(checksum, first) << "server " << i;
    }
  }
  // Of the last change.
  [[nodiscard]] std::string steps() const {
    std::string text;
    for (const auto& row :
         admin().query("SELECT * FROM change_steps WHERE number = (SELECT MAX(number) FROM changes)")) {
      for (const auto& cell : row) text += cell.value_or("-") + " ";
      text += "\n";
    }
    return text;
  }
  // The proxy's clients keep their connections, and who was in the middle of something is told once.
  void expect_few_errors(const Writers& writers, std::size_t clients) {
    EXPECT_EQ(writers.connections_lost(), 0U);
    std::string all;
    for (const auto& error : writers.errors()) all += "\n" + error;
    EXPECT_LE(writers.errors().size(), clients) << all;
  }
  // `back`: what await_back(0) gave.
  void stop_and_compare(Writers& writers, bool back) {
    writers.stop();
    expect_few_errors(writers, 8);
    expect_nothing_lost(writers, back ? std::nullopt : std::optional<std::size_t>(0));
  }
  void end_whole(bool back, std::size_t node = 0) {
    EXPECT_EQ(proxy_->terminate(), 0);
    ended_ = true;
    if (!back) cluster_->rejoin_fresh(node);
  }
  [[nodiscard]] std::string why(std::size_t node) const {
    return admin_value("SELECT why FROM servers WHERE server = '" + server_name(node) + "'");
  }
  void expect_reads_only_from(std::size_t node) {
    for (int i = 0; i < 20; ++i) EXPECT_EQ(client().value("SELECT @@server_id"), server_id(node));
  }
};

TEST_P(FailoverTest, ALeaderThatIsKilledIsFollowedByAnotherAndComesBackAsAReplica) {
  start_supervised();
  Writers writers(client_address(), 8);
  writers.await_more(50);
  cluster_->node(0).kill();
  const auto leader = await_another(0);
  writers.await_more(50);
  start_node(0);
  const bool back = await_back(0);
  EXPECT_TRUE(writable(leader));
  writers.await_more(50);
  stop_and_compare(writers, back);
  EXPECT_EQ(admin_value("SELECT state FROM changes WHERE kind = 'failover'"), "done");
  end_whole(back);
}

TEST_P(FailoverTest, ALeaderThatHangsIsGivenUpAndIsReadOnlyBeforeItIsAnythingElse) {
  Settings settings = supervised();
  const std::string probe_ms = std::to_string(scaled_ms(400));
  settings.limits = "backend_connect_timeout_ms = " + probe_ms;  // of the KILLs for what hangs there
  settings.cluster += "\nmonitor_connect_timeout_ms = " + probe_ms + "\nmonitor_probe_timeout_ms = " + probe_ms;
  start_supervised(settings);
  Writers writers(client_address(), 8);
  writers.await_more(50);
  cluster_->node(0).hang();
  const auto leader = await_another(0);
  writers.await_more(50);
  cluster_->node(0).resume();
  const bool back = await_back(0);
  EXPECT_TRUE(writable(leader));
  writers.await_more(50);
  stop_and_compare(writers, back);
  end_whole(back);
}

TEST_P(FailoverTest, InManualModeNobodyLeadsUntilTheLeaderIsBack) {
  start_supervised("manual");
  // Nothing is under way when it is killed: MariaDB, started again as a replica is, may take back what a replica has.
  cluster_->node(0).kill();
  proxy_->await_log("failover is manual");
  EXPECT_EQ(leader_name(), "");
  Writers writers(client_address(), 2);
  await_that("they wait", [&] { return admin_value("SELECT SUM(state LIKE 'holding%') FROM sessions") == "2"; });
  start_node(0);
  // The demo's servers start read-only: it is on record as the leader, and is made writable again.
  await_leads(0);
  writers.await_more(20);
  writers.stop();
  EXPECT_TRUE(writers.errors().empty()) << writers.errors().front();
  EXPECT_TRUE(writable(0));
  await_healthy();
  expect_nothing_lost(writers);
}

TEST_P(FailoverTest, AServerThatTakesWritesBesideTheLeaderIsMadeReadOnly) {
  start_supervised();
  cluster_.root(1).exec("SET GLOBAL read_only = 0");
  await_that("it is read-only again", [&] { return !writable(1); });
  EXPECT_EQ(leader_name(), server_name(0));
  await_healthy();
}

TEST_P(FailoverTest, TheRecordOutlivesSluice) {
  start_supervised();
  cluster_->node(0).kill();
  const auto leader = await_another(0);
  EXPECT_EQ(proxy_->terminate(), 0);
  // Back, and writable, while nobody looks.
  start_node(0);
  cluster_.root(0).exec("SET GLOBAL read_only = 0");
  launch(supervised());
  await_leads(leader);
  await_that("the old one is read-only", [&] { return !writable(0); });
  await_healthy();
}

TEST_P(FailoverTest, AFailoverByHandIsRefusedWhileTheLeaderAnswersUnlessThatIsSpeltOut) {
  start_supervised();
  Writers writers(client_address(), 8);
  writers.await_more(50);
  Sql admin = this->admin();
  const Outcome refused = outcome_of(admin, "FAILOVER");
  EXPECT_EQ(refused.code, 1105U);
  EXPECT_NE(refused.text.find("refused: no failover: " + server_name(0) + " leads and answers"), std::string::npos)
      << refused;
  EXPECT_EQ(leader_name(), server_name(0));
  EXPECT_EQ(outcome_of(admin, "FAILOVER TO 'nobody:1'").code, 1105U);
  const Outcome done = outcome_of(admin, "FAILOVER TO '" + server_name(2) + "' ALTHOUGH THE LEADER LIVES");
  EXPECT_EQ(done.code, 0U) << done << "\n" << steps();
  EXPECT_EQ(leader_name(), server_name(2));
  const bool back = await_back(0);
  writers.await_more(50);
  stop_and_compare(writers, back);
  EXPECT_EQ(admin_value("SELECT GROUP_CONCAT(state) FROM changes WHERE kind = 'failover'"), "refused,refused,done");
  end_whole(back);
}

TEST_P(FailoverTest, AServerInMaintenanceDoesNotLeadAndIsNotRead) {
  start_supervised();
  Sql admin = this->admin();
  EXPECT_EQ(outcome_of(admin, "MAINTENANCE ON '" + server_name(1) + "'").code, 0U);
  EXPECT_EQ(why(1), "in maintenance");
  expect_reads_only_from(2);
  const Outcome refused = outcome_of(admin, "SWITCHOVER TO '" + server_name(1) + "'");
  EXPECT_NE(refused.text.find("is in maintenance"), std::string::npos) << refused;
  cluster_->node(0).kill();
  EXPECT_EQ(await_another(0), 2U);
  EXPECT_EQ(outcome_of(admin, "MAINTENANCE OFF '" + server_name(1) + "'").code, 0U);
  start_node(0);
  await_that("all follow", [&] { return admin_value("SELECT SUM(healthy) FROM servers") == "3"; });
}

// It goes on replicating, but what it has is not what was written through the leader.
TEST_P(FailoverTest, AReplicaWithTransactionsOfItsOwnIsNotRead) {
  start_supervised();
  Sql own = cluster_.root(1);
  own.exec("SET SESSION gtid_domain_id = 7");  // in the leader's domain it would stop to replicate
  own.exec("INSERT INTO app.t VALUES (-7)");
  await_that("it is seen", [&] { return why(1).find("has transactions that are not from the leader") == 0; });
  expect_reads_only_from(2);
  EXPECT_EQ(cluster_.root(1).query("SHOW SLAVE STATUS").size(), 1U);
  end_whole(false, 1);
}

TEST_P(FailoverTest, WithoutARecordThereIsNoFailover) {
  start();
  Sql admin = this->admin();
  const Outcome refused = outcome_of(admin, "FAILOVER");
  EXPECT_NE(refused.text.find("failover.mode is \"off\""), std::string::npos) << refused;
}

INSTANTIATE_TEST_SUITE_P(Loops, FailoverTest, on_loops(), loop_name);

}  // namespace
}  // namespace sluice::test
