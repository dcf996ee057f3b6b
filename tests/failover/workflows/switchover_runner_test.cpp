// failover/workflows/switchover_runner on real clusters: there and back, with clients, and what the record and the
// hooks see of it.
#include <gtest/gtest.h>
#include <signal.h>

#include <filesystem>
#include <fstream>

#include "failover/workflows/switchover_run.hpp"

namespace sluice::failover {
namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;
using State = Switchover::State;
using testing::SwitchoverRun;

bool contains(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

class SwitchoverRunnerTest : public ::testing::TestWithParam<test::Flavour> {
 protected:
  void SetUp() override { ::signal(SIGPIPE, SIG_IGN); }
  test::TestCluster& cluster() { return cluster_; }

  void expect_leads(SwitchoverRun& run, std::size_t leader) {
    for (std::size_t i = 0; i < cluster()->size(); ++i) {
      EXPECT_EQ(run.workflow().read_only(i), i != leader) << i;
      EXPECT_EQ(cluster()->role(i), i == leader ? demo::Role::leader : demo::Role::replica) << i;
    }
    EXPECT_EQ(run.gate().leader(), leader);
    EXPECT_TRUE(run.gate().is_open());
  }
  static std::string script(const SwitchoverRun& run, const std::string& name, const std::string& text) {
    const auto path = run.folder() / name;
    std::ofstream(path) << "#!/bin/sh\n" << text << "\n";
    fs::permissions(path, fs::perms::owner_all);
    return path.string();
  }

 private:
  test::TestCluster& cluster_ = test::shared_cluster(GetParam());
};

TEST_P(SwitchoverRunnerTest, ThereAndBackWithClientsLosesNothing) {
  SwitchoverRun run(cluster());
  run.start_clients(3);
  run.await_writes(20);
  std::uint64_t epoch = 8;
  for (const auto& [from, to] : {std::pair<std::size_t, std::size_t>{0, 1}, {1, 2}, {2, 0}}) {
    const auto end = run.switch_over(run.plan(from, to, epoch));
    ASSERT_EQ(end.state, State::done) << end.text();
    expect_leads(run, to);
    const auto record = run.record();
    ASSERT_TRUE(record.record) << record.error;
    EXPECT_EQ(*record.record,
              (EpochRecord{"main", epoch, cluster()->node(to).name(), cluster()->node(from).name(), {}}));
    ++epoch;
    run.await_writes(20);
  }
  run.stop_clients();
  cluster()->await_replicated();
  EXPECT_TRUE(run.client_errors().empty()) << run.client_errors().front();
  for (std::size_t i = 0; i < cluster()->size(); ++i) {
    EXPECT_EQ(run.rows(i), run.wrote()) << i;
    EXPECT_EQ(run.checksum(i), run.checksum(0)) << i;
    EXPECT_EQ(run.workflow().position(i), run.workflow().position(0)) << i;
  }
}

TEST_P(SwitchoverRunnerTest, TheRecordSaysThatAChangeIsUnderWay) {
  SwitchoverRun run(cluster());
  std::vector<EpochRecord> seen;
  const auto end = run.switch_over(run.plan(0, 1, 8), [&](const Action& action, const Outcome&) {
    if (action.act == Act::hold || action.act == Act::promote)
      seen.push_back(run.record().record.value_or(EpochRecord{}));
  });
  ASSERT_EQ(end.state, State::done) << end.text();
  ASSERT_EQ(seen.size(), 2U);
  EXPECT_EQ(seen[0].epoch, 7U);
  EXPECT_EQ(seen[0].leader, cluster()->node(0).name());
  EXPECT_EQ(seen[1].epoch, 8U);
  EXPECT_EQ(seen[1].leader, cluster()->node(1).name());
  for (const auto& record : seen) {
    ASSERT_TRUE(record.change);
    EXPECT_EQ(record.change->from, cluster()->node(0).name());
    EXPECT_EQ(record.change->to, cluster()->node(1).name());
    EXPECT_FALSE(record.change->since.empty());
  }
}

TEST_P(SwitchoverRunnerTest, ARecordThatCantBeWrittenRefusesTheChange) {
  SwitchoverRun run(cluster());
  fs::create_directory(run.record_path().string() + ".new");
  const auto end = run.switch_over(run.plan(0, 1, 8));
  EXPECT_EQ(end.state, State::refused);
  EXPECT_TRUE(contains(end.reason, "nothing was touched")) << end.reason;
  EXPECT_TRUE(run.gate().calls().empty());
  expect_leads(run, 0);
}

TEST_P(SwitchoverRunnerTest, ARecordThatCantBeWrittenLaterRollsBack) {
  SwitchoverRun run(cluster());
  run.gate().before_hold = [&] { fs::create_directory(run.record_path().string() + ".new"); };
  const auto end = run.switch_over(run.plan(0, 1, 8));
  EXPECT_EQ(end.state, State::rolled_back) << end.text();
  EXPECT_EQ(run.gate().calls(), (std::vector<std::string>{"hold", "release 0 under 9"}));
  expect_leads(run, 0);
}

TEST_P(SwitchoverRunnerTest, HooksAreToldWhoLeads) {
  SwitchoverRun run(cluster());
  auto plan = run.plan(0, 1, 8);
  const auto log = (run.folder() / "log").string();
  plan.hook_before = plan.hook_after = script(
      run, "hook", "echo $SLUICE_CLUSTER $SLUICE_PHASE $SLUICE_OLD_LEADER $SLUICE_NEW_LEADER $SLUICE_EPOCH >> " + log);
  const auto end = run.switch_over(plan);
  EXPECT_EQ(end.state, State::done) << end.text();
  std::string text;
  std::getline(std::ifstream(log), text, '\0');
  EXPECT_EQ(text, "main before db1 db2 8\nmain after db1 db2 8\n");
}

TEST_P(SwitchoverRunnerTest, AHookThatRefusesTouchesNothing) {
  SwitchoverRun run(cluster());
  auto plan = run.plan(0, 1, 8);
  plan.hook_before = script(run, "no", "echo 'not on a Friday'; exit 1");
  const auto end = run.switch_over(plan);
  EXPECT_EQ(end.state, State::refused);
  EXPECT_TRUE(contains(end.reason, "exit code 1; it printed: not on a Friday")) << end.reason;
  EXPECT_TRUE(run.gate().calls().empty());
  expect_leads(run, 0);
  EXPECT_EQ(run.record().record, (EpochRecord{"main", 7, "db1", "", {}})) << "no change is under way";
}

TEST_P(SwitchoverRunnerTest, ATakenLockRollsBackWithinTheStall) {
  SwitchoverRun run(cluster());
  run.start_clients(2);
  run.await_writes(5);
  auto other = cluster().root(0);
  other.exec("CREATE TABLE app.locked (id INT)");
  other.exec("LOCK TABLES app.locked WRITE");
  auto plan = run.plan(0, 1, 8);
  plan.stall_max = 800ms;
  const auto end = run.switch_over(plan);
  EXPECT_EQ(end.state, State::rolled_back) << end.text();
  EXPECT_EQ(run.gate().calls().back(), "release 0 under 7");
  other.exec("UNLOCK TABLES");
  run.await_writes(5);
  run.stop_clients();
  EXPECT_TRUE(run.client_errors().empty());
  expect_leads(run, 0);
  EXPECT_EQ(run.record().record, (EpochRecord{"main", 7, "db1", "", {}}));
}

INSTANTIATE_TEST_SUITE_P(Servers, SwitchoverRunnerTest,
                         ::testing::Values(test::Flavour::mariadb, test::Flavour::mysql56),
                         [](const auto& flavour) { return std::string(demo::to_string(flavour.param)); });

}  // namespace
}  // namespace sluice::failover
