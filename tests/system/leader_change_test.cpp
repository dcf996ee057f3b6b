#include "system/leader_change_test.hpp"

namespace sluice::test {

LeaderChangeTest::LeaderChangeTest(Flavour flavour, unsigned nodes) : SystemTest(flavour, nodes) {
  cluster_.app(0).exec("CREATE TABLE t (id INT PRIMARY KEY)");
  cluster_->await_replicated();
}

std::string LeaderChangeTest::replication() const {
  return "replication = { user = \"" + std::string(demo::replication_user) + "\", password = \"" +
         cluster_->passwords().replication + "\" }";
}

Settings LeaderChangeTest::patient(const std::string& hook, const std::string& drain_max) const {
  std::string lines = hook;
  if (!drain_max.empty()) lines += "switchover_drain_max_ms = \"" + drain_max + "\"\n";
  return {.cluster = replication(), .failover = lines};
}

void LeaderChangeTest::await_leads(std::size_t node) {
  await_that(server_name(node) + " leads", [&] { return leader_name() == server_name(node); });
}

Outcome LeaderChangeTest::switch_to(std::size_t node) const {
  Sql sql(admin_address(config_));
  return outcome_of(sql, "SWITCHOVER TO '" + server_name(node) + "'");
}

std::string LeaderChangeTest::last_change(const std::string& column) const {
  return admin_value("SELECT " + column + " FROM history ORDER BY number DESC LIMIT 1");
}

std::set<std::size_t> LeaderChangeTest::writable() {
  std::set<std::size_t> found;
  for (std::size_t i = 0; i < cluster_->size(); ++i) {
    if (cluster_.root(i).value("SELECT @@GLOBAL.read_only") == "0") found.insert(i);
  }
  return found;
}

void LeaderChangeTest::expect_nothing_lost(const Writers& writers, std::optional<std::size_t> left_out) {
  cluster_->await_replicated();
  std::string first;
  for (std::size_t i = 0; i < cluster_->size(); ++i) {
    if (i == left_out) continue;
    const auto there = cluster_.ids(i, "t");
    for (const auto id : writers.acknowledged()) ASSERT_TRUE(there.contains(id)) << id << " on server " << i;
    for (const auto id : there)
      ASSERT_TRUE(writers.acknowledged().contains(id) || writers.unknown().contains(id)) << id << " on server " << i;
    const std::string checksum = cluster_.checksum(i, "t");
    if (first.empty()) first = checksum;
    EXPECT_EQ(checksum, first) << "server " << i;
  }
}

}  // namespace sluice::test
