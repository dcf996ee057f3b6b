// Clusters of real servers for tests: one for all tests of a binary, in a temporary folder, on free ports.
//
// Flow: `auto& cluster = test::shared_cluster();` (3-node MariaDB) or `test::make_cluster(options)` for one of one's
// own. Servers die with the test binary, even when it is killed. `reset` between tests instead of a new cluster.
#pragma once

#include <cstdint>
#include <memory>
#include <set>
#include <string>

#include "admin/demo/cluster.hpp"
#include "admin/demo/sql.hpp"
#include "support/temp_folder.hpp"
#include "support/time.hpp"

namespace sluice::test {

using demo::Flavour;
using demo::Rows;
using demo::SqlAddress;
using demo::SqlError;

// A client that waits for its answers until nothing goes on any more.
class Sql : public demo::Sql {
 public:
  explicit Sql(const SqlAddress& address, std::chrono::seconds answer_bound = hang_limit)
      : demo::Sql(address, answer_bound) {}
};

// Both, until nothing goes on any more.
inline constexpr demo::Patience patience{.step = hang_limit, .answer = hang_limit};

// Options for a test's cluster: commits don't wait for the disk, and no time of the servers' own passes in a test.
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

  // All nodes run and answer, the first leads, no schema but an empty `app`, replicas have caught up, and what earlier
  // tests had connected is gone. Cheap when nothing was broken.
  void reset();

  [[nodiscard]] Sql root(std::size_t node) { return Sql(cluster_->node(node).address()); }
  // The application's account on that server, in its schema.
  [[nodiscard]] SqlAddress app_address(std::size_t node);
  [[nodiscard]] Sql app(std::size_t node) { return Sql(app_address(node)); }
  // What a table of the schema `app` holds on that server: its column `id`, and a checksum of all of it.
  [[nodiscard]] std::set<std::uint64_t> ids(std::size_t node, const std::string& table);
  [[nodiscard]] std::string checksum(std::size_t node, const std::string& table);

 private:
  void await_nobody();
  void show_logs();

  TempFolder folder_{"cluster"};
  std::unique_ptr<demo::Cluster> cluster_;
};

// Made when first asked for, reset on each later call.
TestCluster& shared_cluster(Flavour flavour = Flavour::mariadb, unsigned nodes = 3);

}  // namespace sluice::test
