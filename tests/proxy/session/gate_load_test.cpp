// Many clients, and a gate that closes and opens under them: no error, and what was acknowledged is there once.
#include <array>
#include <atomic>
#include <thread>

#include "proxy/session/gate_fixture.hpp"

namespace sluice::proxy {
namespace {

class GateUnderLoad : public GateFixture {
 protected:
  static constexpr std::size_t clients = 64;

  void SetUp() override {
    options.limits.hold_max_ms = test::never_ms;
    cluster.root(0).exec("CREATE TABLE app.t (id INT PRIMARY KEY, client INT)");
    cluster->await_replicated();
  }
  void TearDown() override {
    stop();
    GateFixture::TearDown();
  }

  void launch() {
    for (std::size_t c = 0; c < clients; ++c) {
      threads_.emplace_back([this, c] { work(c); });
    }
  }
  void stop() {
    stop_ = true;
    for (auto& thread : threads_) thread.join();
    threads_.clear();
  }
  [[nodiscard]] std::size_t acknowledged() const {
    std::size_t sum = 0;
    for (const auto& n : acknowledged_) sum += n;
    return sum;
  }
  // Each client has done something since.
  [[nodiscard]] bool await_progress() {
    std::array<std::size_t, clients> before{};
    for (std::size_t c = 0; c < clients; ++c) before[c] = acknowledged_[c];
    return await([&] {
      for (std::size_t c = 0; c < clients; ++c) {
        if (acknowledged_[c] == before[c]) return false;
      }
      return true;
    });
  }
  void expect_all_there(std::size_t node) {
    EXPECT_EQ(cluster.root(node).value("SELECT COUNT(*) FROM app.t"), std::to_string(acknowledged()));
    const Report r = report();
    EXPECT_EQ(r.gates.at(0).state, GateState::open);
    EXPECT_EQ(r.gates.at(0).waiting, 0U);
    EXPECT_EQ(r.counters.outcome_unknown, 0U);
    EXPECT_EQ(r.counters.transactions_lost, 0U);
  }

 private:
  // Ids are never used twice: a statement that ran twice fails.
  void work(std::size_t c) {
    try {
      Sql sql = connect();
      std::size_t next = c;
      const auto insert = [&] {
        sql.exec("INSERT INTO t VALUES (" + std::to_string(next) + ", " + std::to_string(c) + ")");
        next += clients;
      };
      while (!stop_) {
        insert();
        acknowledged_[c] += 1;
        EXPECT_EQ(sql.value("SELECT COUNT(*) FROM t WHERE client = " + std::to_string(c)),
                  std::to_string(acknowledged_[c]));
        sql.exec("BEGIN");
        insert();
        insert();
        sql.exec("COMMIT");
        acknowledged_[c] += 2;
      }
    } catch (const SqlError& error) {
      ADD_FAILURE() << "client " << c << ": " << error.code() << " " << error.what();
    }
  }

  std::atomic<bool> stop_{false};
  std::array<std::atomic<std::size_t>, clients> acknowledged_{};
  std::vector<std::thread> threads_;
};

TEST_P(GateUnderLoad, TwentyTimesClosedAndOpened) {
  options.limits.release_batch_max = 4;
  start();
  launch();
  for (int cycle = 0; cycle < 20; ++cycle) {
    ASSERT_TRUE(await_progress());
    const Answer answer = hold().get();
    ASSERT_TRUE(answer.ok) << answer.what;
    // Drained: nothing of ours is open there, and nothing new starts.
    const std::string rows = cluster.root(0).value("SELECT COUNT(*) FROM app.t");
    EXPECT_TRUE(await_waiting(clients));
    EXPECT_EQ(std::to_string(acknowledged()), rows);
    EXPECT_EQ(cluster.root(0).value("SELECT COUNT(*) FROM app.t"), rows);
    release().get();
  }
  ASSERT_TRUE(await_progress());
  stop();
  expect_all_there(0);
  EXPECT_EQ(counters().gates_closed, 20U);
}

TEST_P(GateUnderLoad, AChangeOfLeader) {
  start();
  launch();
  ASSERT_TRUE(await_progress());
  const Answer answer = hold().get();
  ASSERT_TRUE(answer.ok) << answer.what;
  ASSERT_TRUE(await_waiting(clients));
  cluster->promote(1);
  usable = {true, false, true};
  publish(1);
  release().get();
  EXPECT_TRUE(cut(0).get().ok);
  ASSERT_TRUE(await_progress());
  stop();
  expect_all_there(1);
  EXPECT_EQ(cluster.root(0).value("SELECT @@read_only"), "1");
}

SLUICE_PROXY_ON_BOTH_LOOPS(GateUnderLoad);

}  // namespace
}  // namespace sluice::proxy
