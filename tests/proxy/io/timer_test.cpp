// The timer queue by itself, and timers and wakes on both loops.
#include <atomic>
#include <map>
#include <random>
#include <thread>

#include "proxy/io/loop_harness.hpp"
#include "proxy/io/timers.hpp"

namespace sluice::io {
namespace {

std::vector<std::uint64_t> expire(TimerQueue& queue, std::uint64_t now) {
  std::vector<std::uint64_t> contexts;
  queue.begin_expiry();
  while (const auto due = queue.pop_due(now)) contexts.push_back(due->context);
  return contexts;
}

TEST(TimerQueueTest, FiresByDeadlineThenByStart) {
  TimerQueue queue;
  queue.start(30, nullptr, 1);
  queue.start(10, nullptr, 2);
  queue.start(20, nullptr, 3);
  queue.start(10, nullptr, 4);
  EXPECT_EQ(queue.next_deadline(), 10U);
  EXPECT_EQ(expire(queue, 9), std::vector<std::uint64_t>());
  EXPECT_EQ(expire(queue, 20), (std::vector<std::uint64_t>{2, 4, 3}));
  EXPECT_EQ(queue.next_deadline(), 30U);
  EXPECT_EQ(expire(queue, 1000), std::vector<std::uint64_t>{1});
  EXPECT_EQ(queue.next_deadline(), TimerQueue::never);
}

TEST(TimerQueueTest, WhatIsStartedWhileExpiringWaits) {
  TimerQueue queue;
  queue.start(10, nullptr, 1);
  queue.start(10, nullptr, 2);
  queue.begin_expiry();
  ASSERT_TRUE(queue.pop_due(10));
  queue.start(10, nullptr, 3);
  EXPECT_EQ(queue.pop_due(10)->context, 2U);
  EXPECT_FALSE(queue.pop_due(10));
  EXPECT_EQ(expire(queue, 10), std::vector<std::uint64_t>{3});
}

TEST(TimerQueueTest, AStaleIdCancelsNothing) {
  TimerQueue queue;
  const TimerId first = queue.start(10, nullptr, 1);
  queue.cancel(first);
  EXPECT_EQ(queue.size(), 0U);
  const TimerId second = queue.start(10, nullptr, 2);
  EXPECT_EQ(second.slot, first.slot);
  queue.cancel(first);
  queue.cancel({});
  queue.cancel({99, 1});
  EXPECT_EQ(expire(queue, 10), std::vector<std::uint64_t>{2});
  queue.cancel(second);
}

// Against a plain sorted map, with one fixed seed.
TEST(TimerQueueTest, AgreesWithASortedMap) {
  std::mt19937 random(7);  // NOLINT(cert-msc32-c,cert-msc51-cpp): the same each time
  TimerQueue queue;
  std::map<std::pair<std::uint64_t, std::uint64_t>, TimerId> model;
  std::uint64_t now = 0;
  std::uint64_t next = 0;
  for (int step = 0; step < 20'000; ++step) {
    const auto choice = random() % 8;
    if (choice < 4) {
      const std::uint64_t deadline = now + random() % 50;
      model.emplace(std::pair(deadline, next), queue.start(deadline, nullptr, next));
      ++next;
    } else if (choice < 6 && !model.empty()) {
      const auto victim = std::next(model.begin(), static_cast<std::ptrdiff_t>(random() % model.size()));
      queue.cancel(victim->second);
      model.erase(victim);
    } else {
      now += random() % 10;
      std::vector<std::uint64_t> expected;
      while (!model.empty() && model.begin()->first.first <= now) {
        expected.push_back(model.begin()->first.second);
        model.erase(model.begin());
      }
      ASSERT_EQ(expire(queue, now), expected);
    }
    ASSERT_EQ(queue.size(), model.size());
    ASSERT_EQ(queue.next_deadline(), model.empty() ? TimerQueue::never : model.begin()->first.first);
  }
}

class LoopTimerTest : public LoopTest {};
SLUICE_ON_BOTH_LOOPS(LoopTimerTest);

struct Ticker final : TimerHandler {
  explicit Ticker(LoopTest& owner) : test(owner) {}
  void on_timer(TimerId timer) override {
    fired.push_back(timer.slot);
    if (action) action(timer);
    test.check();
  }
  LoopTest& test;
  std::vector<std::uint32_t> fired;
  std::function<void(TimerId)> action;
};

TEST_P(LoopTimerTest, FiresInOrderAndNeverEarly) {
  Ticker ticker(*this);
  const std::uint64_t start = loop->now_ms();
  const TimerId late = loop->start_timer(30, ticker);
  const TimerId soon = loop->start_timer(5, ticker);
  const TimerId never = loop->start_timer(10, ticker);
  const TimerId middle = loop->start_timer(15, ticker);
  loop->cancel_timer(never);
  run_until([&] { return ticker.fired.size() == 3; });
  EXPECT_EQ(ticker.fired, (std::vector<std::uint32_t>{soon.slot, middle.slot, late.slot}));
  EXPECT_GE(loop->now_ms(), start + 30);
}

TEST_P(LoopTimerTest, CancelsAnotherThatIsDueInAHandler) {
  Ticker ticker(*this);
  const TimerId first = loop->start_timer(0, ticker);
  const TimerId second = loop->start_timer(0, ticker);
  ticker.action = [&](TimerId) { loop->cancel_timer(second); };
  settle();
  EXPECT_EQ(ticker.fired, std::vector<std::uint32_t>{first.slot});
}

TEST_P(LoopTimerTest, RestartsInItsHandlerWithoutHoldingTheLoop) {
  Ticker ticker(*this);
  ticker.action = [&](TimerId) { loop->start_timer(0, ticker); };
  loop->start_timer(0, ticker);
  Pair pair = unix_pair();
  Recorder recorder(*this);
  loop->adopt(pair.ours.release(), recorder);
  ASSERT_TRUE(write_all(pair.peer.get(), "x"));
  run_until([&] { return recorder.slices == 1 && ticker.fired.size() > 10; });
}

TEST_P(LoopTimerTest, StopsBeforeItRuns) {
  loop->stop();
  loop->run();
  Ticker ticker(*this);
  loop->start_timer(0, ticker);
  run_until([&] { return ticker.fired.size() == 1; });
}

struct WakeCounter final : WakeHandler {
  explicit WakeCounter(LoopTest& owner) : test(owner) {}
  void on_wake() override {
    ++wakes;
    if (action) action();
    test.check();
  }
  LoopTest& test;
  int wakes = 0;
  std::function<void()> action;
};

// What was written before a wake is seen by its handler, however many wakes fell together.
TEST_P(LoopTimerTest, IsWokenByOtherThreads) {
  constexpr int threads = 4;
  constexpr int wakes_each = 2000;
  std::atomic<int> posted{0};
  int plain = 0;  // published by the wake alone
  int seen = 0;
  WakeCounter counter(*this);
  counter.action = [&] { seen = posted.load(std::memory_order_relaxed); };
  loop->set_wake_handler(counter);
  std::vector<std::thread> wakers;
  for (int i = 0; i < threads; ++i) {
    wakers.emplace_back([&] {
      for (int n = 0; n < wakes_each; ++n) {
        posted.fetch_add(1, std::memory_order_relaxed);
        loop->wake();
      }
    });
  }
  run_until([&] { return seen == threads * wakes_each; });
  for (std::thread& waker : wakers) waker.join();
  EXPECT_GE(counter.wakes, 1);
  std::thread last([&] {
    plain = 42;
    loop->wake();
  });
  int plain_seen = 0;
  counter.action = [&] { plain_seen = plain; };
  run_until([&] { return plain_seen == 42; });
  last.join();
}

TEST_P(LoopTimerTest, AWakeBeforeTheRunIsNotLost) {
  WakeCounter counter(*this);
  loop->set_wake_handler(counter);
  loop->wake();
  run_until([&] { return counter.wakes == 1; });
  loop->wake();
  run_until([&] { return counter.wakes == 2; });
}

TEST_P(LoopTimerTest, RunsOnAnotherThanItsCreatorsThread) {
  Pair pair = unix_pair();
  Recorder recorder(*this);
  loop->adopt(pair.ours.release(), recorder);
  ASSERT_TRUE(write_all(pair.peer.get(), "x"));
  std::thread worker([&] {
    run_until([&] { return recorder.received == "x"; });
    loop.reset();
  });
  worker.join();
}

}  // namespace
}  // namespace sluice::io
