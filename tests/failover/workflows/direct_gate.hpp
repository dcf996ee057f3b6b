// The proxy's part of a change of leader, for tests without a proxy: clients are threads that write straight to the
// server that the gate names. A test double of our own interface; the servers are real.
//
// Flow: `DirectGate gate(io, cluster, leader);` then in a client's thread `gate.write(statement)` again and again.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <chrono>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "failover/workflows/gate.hpp"

namespace sluice::failover::testing {

class DirectGate : public Gate {
 public:
  DirectGate(boost::asio::io_context& io, std::size_t leader) : io_(io), leader_(leader) {}

  // ---- Clients, from their threads

  // The server that takes writes, as soon as one does; nullopt: the gate is gone for good.
  std::optional<std::size_t> enter() {
    std::unique_lock lock(mutex_);
    opened_.wait(lock, [&] { return open_ || ended_; });
    if (ended_) return std::nullopt;
    ++inside_;
    return leader_;
  }
  void leave() {
    const std::lock_guard lock(mutex_);
    if (--inside_ == 0 && drained_) boost::asio::post(io_, std::exchange(drained_, nullptr));
  }
  // A client's pause; shorter when the gate is gone.
  void rest(std::chrono::milliseconds pause) {
    std::unique_lock lock(mutex_);
    opened_.wait_for(lock, pause, [&] { return ended_; });
  }
  void end() {
    const std::lock_guard lock(mutex_);
    ended_ = true;
    opened_.notify_all();
  }

  // ---- The workflow, on the io_context

  void hold(std::size_t, bool settle, std::chrono::milliseconds, Done done) override {
    if (before_hold) before_hold();
    const std::lock_guard lock(mutex_);
    calls_.push_back(settle ? "hold" : "hold at once");
    open_ = false;
    drained_ = [done = std::move(done)] { done(""); };
    if (inside_ == 0) boost::asio::post(io_, std::exchange(drained_, nullptr));
  }
  void cut(std::size_t server, std::chrono::milliseconds, Done done) override {
    calls_.push_back("cut " + std::to_string(server));
    done("");
  }
  void release(std::size_t server, std::uint64_t epoch, std::chrono::milliseconds, Done done) override {
    const std::lock_guard lock(mutex_);
    calls_.push_back("release " + std::to_string(server) + " under " + std::to_string(epoch));
    leader_ = server;
    open_ = true;
    opened_.notify_all();
    done("");
  }

  [[nodiscard]] const std::vector<std::string>& calls() const { return calls_; }
  [[nodiscard]] std::size_t leader() const { return leader_; }
  [[nodiscard]] bool is_open() const { return open_; }
  std::function<void()> before_hold;

 private:
  boost::asio::io_context& io_;
  std::mutex mutex_;
  std::condition_variable opened_;
  std::size_t leader_;
  bool open_ = true;
  bool ended_ = false;
  std::size_t inside_ = 0;
  std::function<void()> drained_;
  std::vector<std::string> calls_;
};

}  // namespace sluice::failover::testing
