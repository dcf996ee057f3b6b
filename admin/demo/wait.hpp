// Waiting for something that tells nobody when it happens (a server that begins to answer): ask again, with a bound.
//
// Flow: `if (!await([&] { return answers(); }, 10s)) throw …`. What does have an event (the end of a process) is
// awaited by that event: see process.hpp.
#pragma once

#include <poll.h>

#include <chrono>

namespace sluice::demo {

using std::chrono::milliseconds;

// True as soon as `condition()` is; false when `bound` is over. Asks at least once, and once more at the end.
template <class Condition>
[[nodiscard]] bool await(Condition&& condition, milliseconds bound, milliseconds step = milliseconds{10}) {
  const auto deadline = std::chrono::steady_clock::now() + bound;
  while (!condition()) {
    if (std::chrono::steady_clock::now() >= deadline) return false;
    ::poll(nullptr, 0, static_cast<int>(step.count()));
  }
  return true;
}

}  // namespace sluice::demo
