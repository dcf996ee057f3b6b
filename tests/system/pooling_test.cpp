// Many clients share few server connections, and a client that takes nothing holds nothing up.
#include <algorithm>
#include <future>
#include <numeric>
#include <random>
#include <utility>

#include "system/prepared.hpp"
#include "system/system_test.hpp"

namespace sluice::test {
namespace {

class PoolingTest : public SystemTest {
 protected:
  PoolingTest() {
    cluster_.app(0).exec("CREATE TABLE t (id INT PRIMARY KEY, v INT)");
    cluster_->await_replicated();
  }
  // Connections of the application's account, as the server counts them.
  unsigned connections(std::size_t node) {
    return static_cast<unsigned>(std::stoul(
        cluster_.root(node).value("SELECT COUNT(*) FROM information_schema.processlist WHERE user = 'app'")));
  }
};

TEST_P(PoolingTest, ThreeHundredClientsOverSixConnections) {
  constexpr unsigned bound = 6;
  start({.limits = "backend_connections_max = " + std::to_string(bound) + ""});
  std::atomic<bool> stop{false};
  auto watcher = std::async(std::launch::async, [&] {
    std::array<unsigned, 3> most{};
    std::vector<Sql> roots;
    for (std::size_t node = 0; node < 3; ++node) roots.push_back(cluster_.root(node));
    bool last = false;
    while (!std::exchange(last, stop.load())) {  // and once more at the end: the connections are there still
      for (std::size_t node = 0; node < 3; ++node) {
        const auto now = static_cast<unsigned>(
            std::stoul(roots[node].value("SELECT COUNT(*) FROM information_schema.processlist WHERE user = 'app'")));
        most[node] = std::max(most[node], now);
      }
    }
    return most;
  });
  constexpr int threads = 6;
  constexpr int clients_each = 50;
  std::vector<std::future<void>> workers;
  for (int w = 0; w < threads; ++w) {
    workers.push_back(std::async(std::launch::async, [&, w] {
      std::vector<Sql> clients;
      for (int i = 0; i < clients_each; ++i) clients.push_back(client());
      for (int round = 0; round < 4; ++round) {
        for (int i = 0; i < clients_each; ++i) {
          auto& sql = clients[static_cast<std::size_t>(i)];
          const std::string id = std::to_string(w * clients_each + i);
          sql.exec("REPLACE INTO t VALUES (" + id + ", " + std::to_string(round) + ")");
          EXPECT_EQ(sql.value("SELECT v FROM t WHERE id = " + id), std::to_string(round));
          EXPECT_EQ(sql.value("SELECT " + id), id);
        }
        // All of them ask at once: more statements than connections.
        const std::string question = "SELECT " + std::to_string(w);
        for (auto& sql : clients) ASSERT_EQ(mysql_send_query(sql.raw(), question.data(), question.size()), 0);
        for (auto& sql : clients) {
          ASSERT_EQ(mysql_read_query_result(sql.raw()), 0) << mysql_error(sql.raw());
          MYSQL_RES* result = mysql_store_result(sql.raw());
          EXPECT_STREQ(mysql_fetch_row(result)[0], std::to_string(w).c_str());
          mysql_free_result(result);
        }
      }
    }));
  }
  for (auto& worker : workers) worker.get();
  stop = true;
  const auto most = watcher.get();
  for (std::size_t node = 0; node < 3; ++node) {
    EXPECT_LE(most[node], bound) << "node " << node;
    EXPECT_GE(most[node], 1U) << "node " << node;
  }
}

TEST_P(PoolingTest, IdleClientsHoldNoConnection) {
  start({.limits = "backend_idle_max_ms = 200"});
  std::vector<Sql> clients;
  for (int i = 0; i < 300; ++i) {
    clients.push_back(client());
    clients.back().query("SELECT * FROM t");
    if (i % 10 == 0) clients.back().exec("REPLACE INTO t VALUES (" + std::to_string(i) + ", 1)");
  }
  EXPECT_EQ(admin_value("SELECT COUNT(*) FROM sessions WHERE server <> ''"), "0");
  EXPECT_EQ(admin_value("SELECT COUNT(*) FROM sessions"), "300");
  EXPECT_EQ(admin_value("SELECT SUM(busy) FROM pools"), "0");
  for (std::size_t node = 0; node < 3; ++node) {
    await_that("unused connections are closed", [&] { return connections(node) == 0; });
  }
  cluster_->await_replicated();  // most of them have written nothing
  for (auto& sql : clients) EXPECT_EQ(sql.value("SELECT COUNT(*) FROM t"), "30");
}

TEST_P(PoolingTest, AWaitForAConnectionIsBounded) {
  // Ample for a connection that comes back from another client.
  start({.limits = "backend_connections_max = 2\npool_wait_max_ms = " + std::to_string(scaled_ms(500))});
  std::vector<Sql> holders;
  for (int i = 0; i < 3; ++i) holders.push_back(client());
  // The workers share the two; whoever gets one keeps it.
  std::vector<Sql*> kept;
  std::vector<Sql*> refused;
  for (auto& sql : holders) {
    const Outcome outcome = outcome_of(sql, "SELECT id FROM t FOR UPDATE");
    sql.exec("SELECT 1");
    EXPECT_EQ(outcome, Outcome{});
  }
  for (auto& sql : holders) {
    const bool begun = outcome_of(sql, "BEGIN").code == 0;
    (begun ? kept : refused).push_back(&sql);
  }
  EXPECT_EQ(kept.size(), 2U);
  ASSERT_FALSE(refused.empty());
  const Outcome outcome = outcome_of(*refused.front(), "INSERT INTO t VALUES (1, 1)");
  EXPECT_EQ(outcome.code, 1105U) << outcome;
  EXPECT_NE(outcome.text.find("limits.pool_wait_max_ms"), std::string::npos) << outcome;
  for (auto* sql : kept) sql->exec("COMMIT");
  for (auto* sql : refused) sql->exec("REPLACE INTO t VALUES (1, 1)");
  EXPECT_EQ(cluster_.app(0).value("SELECT COUNT(*) FROM t"), "1");
}

TEST_P(PoolingTest, PreparedStatementsWorkOnWhateverConnection) {
  start({.limits = "backend_connections_max = 4"});
  cluster_.app(0).exec("INSERT INTO t SELECT seq, seq * 7 FROM seq_1_to_100");
  cluster_->await_replicated();
  std::vector<Sql> clients;
  for (int i = 0; i < 40; ++i) clients.push_back(client());
  std::vector<std::unique_ptr<Prepared>> statements;
  for (std::size_t i = 0; i < clients.size(); ++i) {
    // Each its own text: prepared once, on one connection, and executed on any.
    const std::string text = i % 2 == 0 ? "SELECT v FROM t WHERE id = ?" : "SELECT id, v FROM t WHERE v = ? * 7";
    statements.push_back(std::make_unique<Prepared>(clients[i], text + " /* " + std::to_string(i) + " */"));
  }
  std::vector<std::size_t> order(statements.size());
  std::iota(order.begin(), order.end(), 0U);
  std::mt19937 random(1);
  for (int round = 1; round <= 20; ++round) {
    std::shuffle(order.begin(), order.end(), random);  // else each one would meet the same replica every time
    for (const std::size_t i : order) {
      const int id = 1 + (round * 13 + static_cast<int>(i)) % 100;
      const std::string v = std::to_string(id * 7);
      const Rows wanted = i % 2 == 0 ? Rows{{v}} : Rows{{std::to_string(id), v}};
      ASSERT_EQ(statements[i]->run({std::to_string(id)}), wanted);
    }
  }
  EXPECT_GT(count("reprepares"), 0U);
}

INSTANTIATE_TEST_SUITE_P(Loops, PoolingTest, on_loops(), loop_name);

}  // namespace
}  // namespace sluice::test
