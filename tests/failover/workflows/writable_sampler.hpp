// Looks at two servers again and again, and counts the moments in which both took writes.
//
// One look at both can't be at one moment, so the first one is asked again after the second: if it took writes before
// and after, and the second one between, both did at that time. A server that does not answer takes none.
#pragma once

#include <array>
#include <condition_variable>
#include <mutex>
#include <optional>
#include <thread>

#include "support/test_cluster.hpp"

namespace sluice::failover::testing {

class WritableSampler {
 public:
  WritableSampler(test::TestCluster& cluster, std::size_t first, std::size_t second)
      : cluster_(cluster), servers_{first, second}, thread_([this] { run(); }) {}
  ~WritableSampler() { stop(); }
  WritableSampler(const WritableSampler&) = delete;
  WritableSampler& operator=(const WritableSampler&) = delete;

  void stop() {
    {
      const std::lock_guard lock(mutex_);
      stopped_ = true;
      wake_.notify_all();
    }
    if (thread_.joinable()) thread_.join();
  }
  [[nodiscard]] unsigned looks() const { return looks_; }  // both after stop()
  [[nodiscard]] unsigned both() const { return both_; }

 private:
  void run() {
    std::unique_lock lock(mutex_);
    do {  // once at least, however short it was
      lock.unlock();
      both_ += writable(0) && writable(1) && writable(0) ? 1 : 0;
      ++looks_;
      lock.lock();
    } while (!wake_.wait_for(lock, std::chrono::milliseconds(1), [&] { return stopped_; }));
  }

  bool writable(std::size_t which) {
    try {
      auto& connection = connections_[which];
      if (!connection) connection.emplace(cluster_.app_address(servers_[which]), std::chrono::seconds{1});
      return connection->value("SELECT @@GLOBAL.read_only") == "0";
    } catch (const demo::SqlError&) {
      connections_[which].reset();
      return false;
    }
  }

  test::TestCluster& cluster_;
  std::array<std::size_t, 2> servers_;
  std::array<std::optional<demo::Sql>, 2> connections_;
  std::mutex mutex_;
  std::condition_variable wake_;
  bool stopped_ = false;
  unsigned looks_ = 0;
  unsigned both_ = 0;
  std::thread thread_;
};

}  // namespace sluice::failover::testing
