// Which servers executed what, from their own general logs: the application's statements between two moments.
//
// Flow: `GeneralLogs logs(cluster); logs.begin(); …; logs.servers_of("mark")` gives the nodes that executed a statement
// holding that text, each with how often.
#pragma once

#include <cstddef>
#include <map>
#include <string>

#include "support/test_cluster.hpp"

namespace sluice::test {

class GeneralLogs {
 public:
  explicit GeneralLogs(TestCluster& cluster) : cluster_(cluster) {
    for (std::size_t node = 0; node < cluster_->size(); ++node) {
      Sql root = cluster_.root(node);
      // An event of its own in a replica's binary log would be a transaction that its leader lacks.
      root.exec("SET sql_log_bin = 0");
      root.exec("SET GLOBAL general_log = 0");
      root.exec("TRUNCATE mysql.general_log");
      root.exec("SET GLOBAL log_output = 'TABLE'");
      root.exec("SET GLOBAL general_log = 1");
    }
  }
  GeneralLogs(const GeneralLogs&) = delete;
  GeneralLogs& operator=(const GeneralLogs&) = delete;
  ~GeneralLogs() {
    for (std::size_t node = 0; node < cluster_->size(); ++node) {
      try {
        cluster_.root(node).exec("SET GLOBAL general_log = 0");
      } catch (const SqlError&) {  // a server that the test has killed logs nothing
      }
    }
  }

  // Executions (not preparations) by the application's account, node by node; nodes with none are left out.
  [[nodiscard]] std::map<std::size_t, unsigned> servers_of(const std::string& mark) {
    std::map<std::size_t, unsigned> seen;
    for (std::size_t node = 0; node < cluster_->size(); ++node) {
      Sql root = cluster_.root(node);
      const std::string count = root.value(
          "SELECT COUNT(*) FROM mysql.general_log WHERE user_host LIKE 'app[%' AND command_type IN ('Query', "
          "'Execute') "
          "AND argument LIKE " +
          root.quoted("%" + mark + "%"));
      if (count != "0") seen[node] = static_cast<unsigned>(std::stoul(count));
    }
    return seen;
  }

 private:
  TestCluster& cluster_;
};

}  // namespace sluice::test
