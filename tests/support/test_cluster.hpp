// Clusters of real servers for tests: one for all tests of a binary, in a temporary folder, on free ports.
//
// Flow: `auto& cluster = test::shared_cluster();` (3-node MariaDB) or `test::make_cluster(options)` for one of one's
// own. Servers die with the test binary, even when it is killed. `reset` between tests instead of a new cluster.
#pragma once

#include <memory>
#include <string>

#include "admin/demo/cluster.hpp"
#include "admin/demo/sql.hpp"
#include "support/temp_folder.hpp"

namespace sluice::test {

using demo::Flavour;
using demo::Rows;
using demo::Sql;
using demo::SqlAddress;
using demo::SqlError;

// Options for a test's cluster: commits don't wait for the disk.
[[nodiscard]] demo::ClusterOptions cluster_options(Flavour flavour = Flavour::mariadb, unsigned nodes = 3);

// A cluster and the folder it lives in; both are gone with it.
class TestCluster {
 public:
  // Folder, ports and lifetime of the options are set here.
  explicit TestCluster(demo::ClusterOptions options = cluster_options());
  TestCluster(const TestCluster&) = delete;
  TestCluster& operator=(const TestCluster&) = delete;
  ~TestCluster();

  demo::Cluster* operator->() { return cluster_.get(); }
  demo::Cluster& operator*() { return *cluster_; }

  // All nodes run and answer, the first leads, no schema but an empty `app`, replicas have caught up. Cheap when
  // nothing was broken.
  void reset();

  [[nodiscard]] Sql root(std::size_t node) { return cluster_->node(node).sql(); }
  // The application's account on that server, in its schema.
  [[nodiscard]] SqlAddress app_address(std::size_t node);
  [[nodiscard]] Sql app(std::size_t node) { return Sql(app_address(node)); }

 private:
  TempFolder folder_{"cluster"};
  std::unique_ptr<demo::Cluster> cluster_;
};

// Made when first asked for, reset on each later call.
TestCluster& shared_cluster(Flavour flavour = Flavour::mariadb, unsigned nodes = 3);

}  // namespace sluice::test
