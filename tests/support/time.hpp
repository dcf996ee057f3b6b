// The clock in tests. No verdict depends on it: it ends what hangs, and it fills the budgets that the product is given.
//
// Flow: a wait ends with what it waits for, or with `hang_limit`. A budget of the product is of one of two kinds:
// - it must not pass in this test: `never_ms`;
// - the test waits until it has passed: as short as it can be when nothing else has to happen within it; else
//   `scaled_ms(…)`, ample for what has to, on the machine and under the sanitizer that the preset was made for.
//
// Needs no library. SLUICE_TEST_TIME_FACTOR is set for all tests, by the preset: see tests/CMakeLists.txt.
#pragma once

#include <poll.h>

#include <chrono>
#include <cstdint>

#ifndef SLUICE_TEST_TIME_FACTOR
#error "SLUICE_TEST_TIME_FACTOR is missing: is this a target of tests/?"
#endif

namespace sluice::test {

// Nothing that goes on takes this long, however slow and busy the machine. Shorter than CTest's own limits, so that a
// test can still tell what it waited for.
inline constexpr std::chrono::seconds hang_limit{300};
inline constexpr int hang_limit_ms = 300'000;

// A day, the most that the configuration takes: longer than any test may run.
inline constexpr std::uint32_t never_ms = 86'400'000;

[[nodiscard]] constexpr std::chrono::milliseconds scaled(std::chrono::milliseconds budget) {
  return budget * SLUICE_TEST_TIME_FACTOR;
}
[[nodiscard]] constexpr std::uint32_t scaled_ms(std::uint32_t budget) { return budget * SLUICE_TEST_TIME_FACTOR; }

// For what tells nobody when it happens: asks until it is so, true; or until nothing goes on any more, false.
template <class Condition>
[[nodiscard]] bool await(Condition&& condition, std::chrono::milliseconds step = std::chrono::milliseconds{10}) {
  const auto end = std::chrono::steady_clock::now() + hang_limit;
  while (!condition()) {
    if (std::chrono::steady_clock::now() >= end) return false;
    ::poll(nullptr, 0, static_cast<int>(step.count()));
  }
  return true;
}

// information_schema.innodb_trx shows what it showed before to those who ask again within 100 ms.
inline constexpr std::chrono::milliseconds innodb_trx_step{150};

}  // namespace sluice::test
