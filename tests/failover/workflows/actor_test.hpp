// What the tests of failover/workflows/server_actor share: a cluster of real servers of each flavour with one row in
// it.
#pragma once

#include <gtest/gtest.h>
#include <signal.h>

#include <string>

#include "failover/workflows/workflow_run.hpp"
#include "support/time.hpp"

namespace sluice::failover::testing {

inline bool contains(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

inline unsigned error_of(demo::Sql& sql, const std::string& statement) {
  try {
    sql.exec(statement);
    return 0;
  } catch (const demo::SqlError& error) {
    return error.code();
  }
}

class ActorTest : public ::testing::TestWithParam<test::Flavour> {
 protected:
  void SetUp() override {
    ::signal(SIGPIPE, SIG_IGN);
    cluster().root(0).exec("CREATE TABLE app.t (id INT AUTO_INCREMENT PRIMARY KEY, v INT) ENGINE=InnoDB");
    cluster().root(0).exec("INSERT INTO app.t (v) VALUES (1)");
    cluster()->await_replicated();
  }
  void TearDown() override {
    for (std::size_t i = 0; i < cluster()->size(); ++i) {
      if (cluster()->node(i).running()) cluster()->node(i).resume();
    }
  }

  test::TestCluster& cluster() { return cluster_; }
  [[nodiscard]] bool mariadb() const { return GetParam() == test::Flavour::mariadb; }
  std::string rows(std::size_t server) { return cluster().root(server).value("SELECT COUNT(*) FROM app.t"); }
  std::string variable(std::size_t server, const std::string& name) {
    return cluster().root(server).value("SELECT @@GLOBAL." + name);
  }
  // The SQL thread of `server` waits for what is returned to go, and so does whoever would stop it.
  demo::Sql block_replication(std::size_t server) {
    cluster().root(0).exec("CREATE TABLE app.m (id INT PRIMARY KEY) ENGINE=MyISAM");
    cluster()->await_replicated();
    demo::Sql lock = cluster().root(server);
    lock.exec("LOCK TABLES app.m READ");
    cluster().root(0).exec("INSERT INTO app.m VALUES (1)");
    demo::Sql look = cluster().root(server);
    EXPECT_TRUE(test::await([&] {
      return look.value(
                 "SELECT COUNT(*) FROM information_schema.PROCESSLIST WHERE STATE = 'Waiting for table level "
                 "lock'") == "1";
    }));
    return lock;
  }

 private:
  test::TestCluster& cluster_ = test::shared_cluster(GetParam());
};

}  // namespace sluice::failover::testing
