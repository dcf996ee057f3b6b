#include "support/test_cluster.hpp"

#include <gtest/gtest.h>

#include <map>
#include <set>

#include "support/ports.hpp"

namespace sluice::test {
namespace {

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

}  // namespace

demo::ClusterOptions cluster_options(Flavour flavour, unsigned nodes) {
  demo::ClusterOptions options;
  options.flavour = flavour;
  options.nodes = nodes;
  options.durable = false;
  return options;
}

TestCluster::TestCluster(demo::ClusterOptions options) {
  options.folder = folder_.path();
  options.pick_port = [](std::uint16_t) { return reserve_port(); };
  options.lifetime = demo::Lifetime::with_parent;
  options.mysql56_folder = SLUICE_TEST_MYSQL56;
  cluster_ = std::make_unique<demo::Cluster>(std::move(options));
  cluster_->up();
}

TestCluster::~TestCluster() {
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
}

SqlAddress TestCluster::app_address(std::size_t node) {
  SqlAddress address = cluster_->node(node).address();
  address.user = demo::app_user;
  address.password = cluster_->passwords().app;
  address.schema = demo::app_schema;
  return address;
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
