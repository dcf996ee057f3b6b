// Clients of a cluster: threads that write through a gate of the test, straight to the server that it names.
//
// Each writes rows with ids of its own into app.w, one statement after the other, until they are stopped: paced, so
// that a server that was away has not more to catch up with than a busy machine can. `wrote()` is what was
// acknowledged; what failed is in `unknown()`: it may be there or not, and is not written again.
#pragma once

#include <gtest/gtest.h>

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "failover/workflows/direct_gate.hpp"
#include "support/test_cluster.hpp"

namespace sluice::failover::testing {

class GateClients {
 public:
  // `answer_max`: a statement that is not answered within it has failed.
  GateClients(test::TestCluster& cluster, DirectGate& gate, std::chrono::seconds answer_max = test::hang_limit)
      : cluster_(cluster), gate_(gate), answer_max_(answer_max) {}
  ~GateClients() { stop(); }
  GateClients(const GateClients&) = delete;
  GateClients& operator=(const GateClients&) = delete;

  void start(unsigned count) {
    for (unsigned client = 0; client < count; ++client) threads_.emplace_back([this, client] { write(client); });
  }
  void stop() {
    gate_.end();
    for (auto& thread : threads_) thread.join();
    threads_.clear();
  }
  void await_writes(std::size_t more) {
    std::unique_lock lock(mutex_);
    const auto goal = wrote_.size() + more;
    EXPECT_TRUE(written_.wait_for(lock, test::hang_limit, [&] { return wrote_.size() >= goal; }))
        << "clients do not write";
  }
  [[nodiscard]] std::set<std::uint64_t> wrote() {
    const std::lock_guard lock(mutex_);
    return wrote_;
  }
  [[nodiscard]] std::set<std::uint64_t> unknown() {
    const std::lock_guard lock(mutex_);
    return unknown_;
  }
  [[nodiscard]] std::vector<std::string> errors() {
    const std::lock_guard lock(mutex_);
    return errors_;
  }

 private:
  static constexpr std::chrono::milliseconds pace{2};

  void write(unsigned client) {
    std::optional<demo::Sql> connection;
    std::size_t connected_to = 0;
    for (std::uint64_t id = client * 1'000'000'000ULL + 1;; ++id) {
      const auto server = gate_.enter();
      if (!server) return;
      try {
        if (!connection || connected_to != *server) connection.emplace(cluster_.app_address(*server), answer_max_);
        connected_to = *server;
        connection->exec("INSERT INTO w VALUES (" + std::to_string(id) + ", " + std::to_string(*server) + ")");
        const std::lock_guard lock(mutex_);
        wrote_.insert(id);
        written_.notify_all();
      } catch (const demo::SqlError& error) {
        connection.reset();
        const std::lock_guard lock(mutex_);
        unknown_.insert(id);
        errors_.emplace_back(error.what());
      }
      gate_.leave();
      gate_.rest(pace);
    }
  }

  test::TestCluster& cluster_;
  DirectGate& gate_;
  std::chrono::seconds answer_max_;
  std::mutex mutex_;
  std::condition_variable written_;
  std::set<std::uint64_t> wrote_;
  std::set<std::uint64_t> unknown_;
  std::vector<std::string> errors_;
  std::vector<std::thread> threads_;
};

}  // namespace sluice::failover::testing
