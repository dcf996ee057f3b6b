// A monitor on an io_context of its own, run by the test until what it waits for has happened.
//
// Flow: `MonitorRun run(options); run.await("a leader", [](const ClusterState& s) { return s.leader.has_value(); });`
// Nothing sleeps: `await` returns with the state that fits, or fails the test when nothing goes on any more.
#pragma once

#include <gtest/gtest.h>
#include <unistd.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "failover/judge_notation.hpp"
#include "failover/monitor/monitor.hpp"
#include "support/time.hpp"

namespace sluice::failover::testing {

// Counts this process's descriptors.
inline std::size_t open_descriptors() {
  const std::filesystem::directory_iterator all("/proc/self/fd");
  return static_cast<std::size_t>(std::distance(begin(all), end(all)));
}

inline MonitoredServer tcp_server(std::uint16_t port) {
  return {"127.0.0.1:" + std::to_string(port), "127.0.0.1", port, ""};
}

class MonitorRun {
 public:
  using Predicate = std::function<bool(const ClusterState&)>;

  explicit MonitorRun(MonitorOptions options)
      : monitor_(io_, std::move(options), [this](const ClusterState& state) { told_.push_back(state); }) {
    monitor_.start();
  }
  ~MonitorRun() { stop(); }
  MonitorRun(const MonitorRun&) = delete;
  MonitorRun& operator=(const MonitorRun&) = delete;

  // Runs until a state that is told from now on (or the last one told) fits.
  ClusterState await(const std::string& what, const Predicate& fits) {
    run_until(what, [&] { return !told_.empty() && fits(told_.back()); });
    return told_.empty() ? monitor_.state() : told_.back();
  }

  void run_until(const std::string& what, const std::function<bool()>& reached) {
    const auto end = std::chrono::steady_clock::now() + test::hang_limit;
    while (!reached() && io_.run_one_until(end) != 0) {
    }
    EXPECT_TRUE(reached()) << "not seen: " << what << "\n" << describe(monitor_.state());
  }

  // Stops the monitor and lets what it left in the io_context run out.
  void stop() {
    monitor_.stop();
    io_.restart();
    io_.run_for(test::hang_limit);
  }

  boost::asio::io_context& io() { return io_; }
  Monitor& monitor() { return monitor_; }
  std::vector<ClusterState>& told() { return told_; }

 private:
  boost::asio::io_context io_;
  std::vector<ClusterState> told_;
  Monitor monitor_;
};

}  // namespace sluice::failover::testing
