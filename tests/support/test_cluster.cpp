#include "support/test_cluster.hpp"

#include <gtest/gtest.h>

#include <iostream>
#include <map>
#include <set>
#include <stdexcept>
#include <vector>

#include "admin/demo/files.hpp"
#include "admin/demo/installation.hpp"
#include "admin/demo/wait.hpp"
#include "support/ports.hpp"

namespace sluice::test {
namespace {

namespace fs = std::filesystem;

std::map<Flavour, std::unique_ptr<TestCluster>>& shared_clusters() {
  static std::map<Flavour, std::unique_ptr<TestCluster>> clusters;
  return clusters;
}

void drop_schemas(Sql& leader) {
  static const std::set<std::string> keep{"mysql", "information_schema", "performance_schema", "sys"};
  for (const auto& row : leader.query("SHOW DATABASES")) {
    const std::string name = row.front().value_or("");
    if (!keep.contains(name)) leader.exec("DROP DATABASE `" + name + "`");
  }
  leader.exec("CREATE DATABASE app DEFAULT CHARACTER SET utf8mb4");
}

// Times after which a server gives up by itself: a lock, a peer that does not read, a logon, an acknowledgement, a
// leader that says nothing.
std::vector<std::string> patient_settings() {
  return {"innodb_lock_wait_timeout = 3600", "net_read_timeout = 3600",
          "net_write_timeout = 3600",        "connect_timeout = 3600",
          "slave_net_timeout = 3600",        "loose_rpl_semi_sync_master_timeout = 3600000"};
}

// Made once for all tests of a build, and again when the server is another one: it takes a second of computing.
fs::path mariadb_data() {
  const auto installation = demo::find_installation(Flavour::mariadb, {}, {});
  const fs::path folder = SLUICE_TEST_MARIADB_DATA;
  fs::create_directories(folder);
  const demo::FolderLock lock(folder, hang_limit);
  const auto built = fs::last_write_time(installation.server).time_since_epoch().count();
  fs::path made = folder / std::to_string(built);
  if (!fs::exists(made)) {
    const fs::path draft = folder / "new";
    demo::make_data_template(installation, draft, demo::server_account({folder}), lock.descriptor());
    fs::rename(draft, made);
  }
  return made;
}

}  // namespace

demo::ClusterOptions cluster_options(Flavour flavour, unsigned nodes) {
  demo::ClusterOptions options;
  options.flavour = flavour;
  options.nodes = nodes;
  options.durable = false;
  options.patience = patience;
  options.extra = patient_settings();
  return options;
}

TestCluster::TestCluster(demo::ClusterOptions options) {
  options.folder = folder_.path();
  options.pick_port = [](std::uint16_t) { return reserve_port(); };
  options.lifetime = demo::Lifetime::with_parent;
  options.mysql56_folder = SLUICE_TEST_MYSQL56;
  if (options.flavour == Flavour::mariadb) options.data_template = mariadb_data();
  cluster_ = std::make_unique<demo::Cluster>(std::move(options));
  cluster_->up();
}

// What a server said goes with its folder; when a test has failed it may be the reason.
void TestCluster::show_logs() {
  for (std::size_t i = 0; i < cluster_->size(); ++i) {
    const demo::Node& node = cluster_->node(i);
    std::cerr << "== the end of the log of " << node.name() << " (port " << node.port() << ")\n"
              << demo::tail(node.error_log(), 400);
  }
}

TestCluster::~TestCluster() {
  if (testing::UnitTest::GetInstance()->Failed()) show_logs();
  try {
    cluster_->kill();
  } catch (const std::exception& error) {
    ADD_FAILURE() << error.what();
  }
}

void TestCluster::reset() {
  cluster_->up();
  cluster_->promote(0);
  Sql leader = root(0);
  drop_schemas(leader);
  cluster_->await_replicated();
  await_nobody();
}

// What the test before had connected may be on its way out still, and would be counted or killed for this one's.
// MySQL 5.6 may leave one that was killed where it is for hours, without its socket: KILL closes that, and the killed
// thread may begin to wait on the same number after another connection got it.
void TestCluster::await_nobody() {
  const std::string but = cluster_->flavour() == Flavour::mysql56 ? " AND command <> 'Killed'" : "";
  for (std::size_t i = 0; i < cluster_->size(); ++i) {
    Sql look = root(i);
    std::string who;
    const auto gone = [&] {
      who = look.value("SELECT GROUP_CONCAT(user, ' ', command) FROM information_schema.processlist WHERE user IN ('" +
                       std::string(demo::app_user) + "', '" + std::string(demo::monitor_user) + "', '" +
                       std::string(demo::manager_user) + "', 'limited')" + but);
      return who.empty();
    };
    if (await(gone)) continue;
    throw std::runtime_error("of the test before, there are still on " + cluster_->node(i).name() + ": " + who);
  }
}

SqlAddress TestCluster::app_address(std::size_t node) {
  SqlAddress address = cluster_->node(node).address();
  address.user = demo::app_user;
  address.password = cluster_->passwords().app;
  address.schema = demo::app_schema;
  return address;
}

std::set<std::uint64_t> TestCluster::ids(std::size_t node, const std::string& table) {
  std::set<std::uint64_t> found;
  for (const auto& row : root(node).query("SELECT id FROM app." + table)) found.insert(std::stoull(row.at(0).value()));
  return found;
}

std::string TestCluster::checksum(std::size_t node, const std::string& table) {
  return root(node).query("CHECKSUM TABLE app." + table + " EXTENDED").at(0).at(1).value();
}

TestCluster& shared_cluster(Flavour flavour, unsigned nodes) {
  // Ended before static objects are: a failure to stop a server is still a failure of the test.
  class EndClusters : public testing::Environment {
    void TearDown() override { shared_clusters().clear(); }
  };
  [[maybe_unused]] static const auto* end = testing::AddGlobalTestEnvironment(new EndClusters);
  auto& cluster = shared_clusters()[flavour];
  if (!cluster) {
    cluster = std::make_unique<TestCluster>(cluster_options(flavour, nodes));
  } else {
    cluster->reset();
  }
  return *cluster;
}

}  // namespace sluice::test
