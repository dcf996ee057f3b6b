// How long the demo's commands wait. People are told soon that something is wrong; tests give a machine all the time
// that it may need.
#pragma once

#include <chrono>

namespace sluice::demo {

struct Patience {
  // A step (a start, a stop, an answer, a replica that catches up) that takes longer is an error.
  std::chrono::seconds step{60};
  // A server or proxy of which it isn't known whether it is well: one that takes longer for an answer is taken for
  // down.
  std::chrono::seconds answer{2};
};

}  // namespace sluice::demo
