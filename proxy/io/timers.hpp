// One-shot timers of one loop: a binary heap with back references, so that a cancelled timer leaves nothing behind.
// Pure: the time is given, nothing ticks.
//
// Flow: `start(deadline, …)`; the loop sleeps until `next_deadline()`; then `begin_expiry()` and `pop_due(now)` until
// it is empty. Timers fire by deadline, equal ones in the order of their start; what is started while expiring waits
// for the next expiry, so a handler that restarts its timer with no delay can't hold the loop.
#pragma once

#include <cstdint>
#include <limits>
#include <optional>
#include <vector>

#include "proxy/io/loop.hpp"

namespace sluice::io {

class TimerQueue {
 public:
  static constexpr std::uint64_t never = std::numeric_limits<std::uint64_t>::max();

  struct Due {
    TimerId id;
    TimerHandler* handler = nullptr;  // nullptr: one of the loop's own, told by `context`
    std::uint64_t context = 0;
  };

  TimerId start(std::uint64_t deadline_ms, TimerHandler* handler, std::uint64_t context = 0);
  // A stale id is ignored.
  void cancel(TimerId timer);

  [[nodiscard]] std::uint64_t next_deadline() const { return heap_.empty() ? never : heap_.front().deadline; }
  void begin_expiry() { expiry_limit_ = next_sequence_; }
  std::optional<Due> pop_due(std::uint64_t now_ms);

  [[nodiscard]] std::size_t size() const { return heap_.size(); }

 private:
  struct Node {
    std::uint64_t deadline = 0;
    std::uint64_t sequence = 0;
    std::uint32_t slot = 0;
    [[nodiscard]] bool before(const Node& other) const {
      return deadline != other.deadline ? deadline < other.deadline : sequence < other.sequence;
    }
  };
  struct Slot {
    TimerHandler* handler = nullptr;
    std::uint64_t context = 0;
    std::uint32_t generation = 1;
    std::uint32_t position = 0;  // in heap_
    bool armed = false;
  };

  void place(std::size_t position, const Node& node);
  void sift_up(std::size_t position, const Node& node);
  void sift_down(std::size_t position, const Node& node);
  void remove(std::size_t position);
  void free_slot(std::uint32_t slot);

  std::vector<Node> heap_;
  std::vector<Slot> slots_;
  std::vector<std::uint32_t> free_;
  std::uint64_t next_sequence_ = 0;
  std::uint64_t expiry_limit_ = 0;
};

}  // namespace sluice::io
