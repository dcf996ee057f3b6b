// How much of it. Plain builds take inputs of the size that applications have, and many rounds. Under a sanitizer each
// byte costs many times as much, while what is looked for there shows with the first few.
//
// Flow: `constexpr std::size_t bytes = test::sized(64U << 20U, 4U << 20U);`. Needs no library.
#pragma once

#ifndef SLUICE_TEST_SANITIZED
#error "SLUICE_TEST_SANITIZED is missing: is this a target of tests/?"
#endif

namespace sluice::test {

inline constexpr bool sanitized = SLUICE_TEST_SANITIZED != 0;

template <class Number>
[[nodiscard]] constexpr Number sized(Number plain, Number under_a_sanitizer) {
  return sanitized ? under_a_sanitizer : plain;
}

}  // namespace sluice::test
