#include "admin/snapshot_builder.hpp"

#include <gtest/gtest.h>

#include <optional>
#include <utility>

namespace sluice::admin {
namespace {

using failover::Role;

class SnapshotBuilder : public testing::Test {
 protected:
  SnapshotBuilder() {
    ClusterSettings main;
    main.name = "main";
    main.servers = {{"127.0.0.1", 1, {}}, {"db.internal", 2, {}}, {"", 0, "/run/db.sock"}};
    config_.clusters = {main};
    UserSettings user;
    user.name = "app";
    user.cluster = "main";
    user.auth_plugin = "caching_sha2_password";
    user.credential.password = "pw";
    config_.users = {user};
    addresses_ = {{main.servers[0], io::Endpoint{"10.0.0.2", 2, {}}, main.servers[2]}};
    states_.resize(1);
  }
  void judged() {
    auto& state = states_[0];
    state.leader = 0;
    state.reason = "the only writable server";
    state.servers.resize(3);
    state.servers[0].role = Role::leader;
    state.servers[0].healthy = true;
    state.servers[0].seen.version = "5.5.5-10.11.6-MariaDB-log";
    state.servers[0].seen.flavour = failover::Flavour::mariadb;
    state.servers[0].seen.capabilities = 77;
    state.servers[1].role = Role::replica;
    state.servers[1].healthy = true;
    state.servers[2].role = Role::replica;
    state.servers[2].why = "20 s behind";
  }
  [[nodiscard]] proxy::SnapshotPtr build(const proxy::Snapshot* previous = nullptr) const {
    return build_snapshot({config_, states_, addresses_, previous});
  }

  Config config_;
  std::vector<failover::ClusterState> states_;
  ServerAddresses addresses_;
};

TEST_F(SnapshotBuilder, BeforeAnyJudgementEverythingHolds) {
  const auto snapshot = build();
  EXPECT_EQ(snapshot->number, 1U);
  const auto& cluster = snapshot->clusters.at(0);
  EXPECT_EQ(cluster.leader, std::nullopt);
  EXPECT_EQ(cluster.reason, "the servers have not been asked yet");
  ASSERT_EQ(cluster.servers.size(), 3U);
  for (const auto& server : cluster.servers) EXPECT_FALSE(server.replica_usable);
}

TEST_F(SnapshotBuilder, TakesLeaderAndUsableReplicas) {
  judged();
  const auto snapshot = build();
  const auto& cluster = snapshot->clusters.at(0);
  EXPECT_EQ(cluster.leader, 0U);
  EXPECT_EQ(cluster.version_number, 101106U);
  EXPECT_EQ(cluster.capabilities, 77U);
  EXPECT_TRUE(cluster.mariadb);
  EXPECT_FALSE(cluster.servers[0].replica_usable) << "the leader is no replica";
  EXPECT_TRUE(cluster.servers[1].replica_usable);
  EXPECT_EQ(cluster.servers[1].name, "db.internal:2");
  EXPECT_EQ(cluster.servers[1].endpoint.host, "10.0.0.2");
  EXPECT_FALSE(cluster.servers[2].replica_usable);
  EXPECT_EQ(cluster.servers[2].why, "20 s behind");
  EXPECT_TRUE(cluster.servers[2].endpoint.is_unix());
}

// Column definitions come in another form with it: a client that asked for it can be served only by servers that have
// it.
TEST_F(SnapshotBuilder, ExtendedColumnMetadataIsWhatAllServersHave) {
  using protocol::cap::mariadb_extended_metadata;
  judged();
  states_[0].servers[0].seen.capabilities = 77 | mariadb_extended_metadata;
  EXPECT_EQ(build()->clusters[0].capabilities, 77 | mariadb_extended_metadata) << "the others were not seen yet";
  states_[0].servers[1].seen.capabilities = 5 | mariadb_extended_metadata;
  EXPECT_EQ(build()->clusters[0].capabilities, 77 | mariadb_extended_metadata);
  states_[0].servers[2].seen.capabilities = 77;
  EXPECT_EQ(build()->clusters[0].capabilities, 77U);
}

TEST_F(SnapshotBuilder, AServerWithoutAnAddressIsNeverUsed) {
  judged();
  addresses_[0][1].reset();
  EXPECT_FALSE(build()->clusters[0].servers[1].replica_usable);
  states_[0].leader = 1;
  const auto snapshot = build();
  EXPECT_EQ(snapshot->clusters[0].leader, std::nullopt);
  EXPECT_EQ(snapshot->clusters[0].reason, "the host name db.internal has no address");
}

TEST_F(SnapshotBuilder, RemembersTheLastLeadersVersion) {
  judged();
  const auto first = build();
  states_[0].leader.reset();
  states_[0].reason = "no server answers";
  const auto second = build(first.get());
  EXPECT_EQ(second->number, 2U);
  EXPECT_EQ(second->clusters[0].leader, std::nullopt);
  EXPECT_EQ(second->clusters[0].server_version, "5.5.5-10.11.6-MariaDB-log");
  EXPECT_EQ(second->clusters[0].version_number, 101106U);
  EXPECT_EQ(second->clusters[0].capabilities, 77U);
}

TEST_F(SnapshotBuilder, CarriesAccounts) {
  const auto account = build()->accounts.at("app");
  EXPECT_EQ(account->cluster, 0U);
  EXPECT_EQ(account->auth_plugin, "caching_sha2_password");
  EXPECT_EQ(account->credential.password, "pw");
}

TEST(VersionNumber, Reads) {
  const std::pair<const char*, std::uint32_t> cases[] = {{"5.5.5-10.11.6-MariaDB-log", 101106},
                                                         {"10.11.19-MariaDB", 101119},
                                                         {"11.4.2-MariaDB", 110402},
                                                         {"5.6.24-log", 50624},
                                                         {"8.0.36", 80036},
                                                         {"5.5.5", 50505},
                                                         {"", 0},
                                                         {"8.0", 0},
                                                         {"garbage", 0},
                                                         {"8..1", 0},
                                                         {"100.1.1", 0},
                                                         {"99999999999.1.1", 0}};
  for (const auto& [text, number] : cases) EXPECT_EQ(version_number(text), number) << text;
}

}  // namespace
}  // namespace sluice::admin
