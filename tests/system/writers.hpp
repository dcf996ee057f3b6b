// Clients that write on and on through a change of leader, each its own ids, each id once: half in autocommit mode,
// half in transactions of two rows. They remember what was acknowledged, and what was answered with an error: that may
// be there or not.
//
// Flow: `Writers writers(client_address(), 8); writers.await_more(50); …; writers.stop();`, then acknowledged().
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "support/test_cluster.hpp"

namespace sluice::test {

class Writers {
 public:
  // Into the table t (id INT PRIMARY KEY) of that address.
  Writers(const SqlAddress& address, unsigned count);
  ~Writers() { stop(); }
  Writers(const Writers&) = delete;
  Writers& operator=(const Writers&) = delete;

  void stop();
  // Fails the test when nothing is written any more.
  void await_more(std::uint64_t statements);

  // After stop().
  [[nodiscard]] const std::set<std::uint64_t>& acknowledged() const { return acknowledged_; }
  [[nodiscard]] const std::set<std::uint64_t>& unknown() const { return unknown_; }
  [[nodiscard]] const std::vector<std::string>& errors() const { return errors_; }
  [[nodiscard]] unsigned connections_lost() const { return connections_lost_; }

 private:
  void run(const SqlAddress& address, unsigned number);

  std::atomic<bool> stopping_ = false;
  std::atomic<std::uint64_t> written_ = 0;
  std::mutex mutex_;  // of all below
  std::condition_variable stopped_;
  std::set<std::uint64_t> acknowledged_;
  std::set<std::uint64_t> unknown_;
  std::vector<std::string> errors_;
  unsigned connections_lost_ = 0;
  std::vector<std::thread> threads_;
};

}  // namespace sluice::test
