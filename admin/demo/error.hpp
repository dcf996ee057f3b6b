// What a demo operation throws: one text that says what failed, why, and what to do about it.
#pragma once

#include <stdexcept>
#include <string>

namespace sluice::demo {

class DemoError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

}  // namespace sluice::demo
