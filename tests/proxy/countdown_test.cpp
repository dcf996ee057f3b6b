#include "proxy/countdown.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <thread>
#include <vector>

namespace sluice::proxy {
namespace {

TEST(Countdown, TheLastOneTells) {
  int told = 0;
  const Countdown one_less(2, [&] { ++told; });
  const Countdown copy = one_less;  // NOLINT(performance-unnecessary-copy-initialization): a copy counts down with it
  one_less();
  EXPECT_EQ(told, 0);
  copy();
  EXPECT_EQ(told, 1);
}

TEST(Countdown, FromSeveralThreadsItIsToldOnce) {
  constexpr std::size_t threads = 4;
  constexpr std::size_t each = 1'000;
  std::atomic<int> told = 0;
  const Countdown one_less(threads * each, [&] { ++told; });
  std::vector<std::thread> running;
  for (std::size_t i = 0; i < threads; ++i)
    running.emplace_back([one_less] {
      for (std::size_t j = 0; j < each; ++j) one_less();
    });
  for (auto& thread : running) thread.join();
  EXPECT_EQ(told, 1);
}

}  // namespace
}  // namespace sluice::proxy
