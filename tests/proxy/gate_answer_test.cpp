#include "proxy/gate_answer.hpp"

#include <gtest/gtest.h>

#include <memory>
#include <vector>

namespace sluice::proxy {
namespace {

DrainAnswer joined(const std::vector<DrainAnswer>& parts) {
  DrainAnswer sum;
  AnswerJoin<DrainAnswer> join(parts.size(), [&](const DrainAnswer& answer) { sum = answer; });
  for (const DrainAnswer& part : parts) join.add(part);
  return sum;
}

DrainAnswer drained() { return {.drained = true, .interrupted = {}, .server = "db1", .open = {}}; }

TEST(GateAnswer, is_given_once_by_the_last_worker) {
  int calls = 0;
  AnswerJoin<DrainAnswer> join(3, [&](const DrainAnswer& sum) {
    ++calls;
    EXPECT_TRUE(sum.drained);
    EXPECT_EQ(sum.what(), "");
  });
  join.add(drained());
  join.add(drained());
  EXPECT_EQ(calls, 0);
  join.add(drained());
  EXPECT_EQ(calls, 1);
}

TEST(GateAnswer, one_worker_that_is_not_drained_is_enough) {
  DrainAnswer open{.drained = false, .interrupted = {}, .server = "db1", .open = {}};
  open.open.add(9, OpenWork::Kind::statement, 1000);
  open.open.seen_ms = 1040;
  for (const auto& parts : {std::vector{drained(), open}, std::vector{open, drained()}}) {
    const DrainAnswer sum = joined(parts);
    EXPECT_FALSE(sum.drained);
    EXPECT_EQ(sum.what(), "still open on db1: 1 statement in flight; the oldest is session 9, a statement for 40 ms");
  }
}

TEST(GateAnswer, names_the_oldest_of_all_workers) {
  DrainAnswer one{.drained = false, .interrupted = {}, .server = "db1", .open = {}};
  one.open.add(4, OpenWork::Kind::transaction, 6000);
  one.open.add(6, OpenWork::Kind::transaction, 1001);
  one.open.seen_ms = 6300;
  DrainAnswer other = one;
  other.open.add(5, OpenWork::Kind::lock, 1000);
  other.open.seen_ms = 6301;
  other.open.kills = 1;
  EXPECT_EQ(
      joined({one, other}).what(),
      "still open on db1: 4 transactions, 1 session with table locks or XA, 1 statement of a client that is gone; "
      "the oldest is session 5, table locks or XA for 5301 ms");
}

// A worker that answers late has not, for that, what is open for longer.
TEST(GateAnswer, names_the_oldest_whenever_its_worker_was_asked) {
  DrainAnswer early{.drained = false, .interrupted = {}, .server = "db1", .open = {}};
  early.open.add(4, OpenWork::Kind::transaction, 1000);
  early.open.seen_ms = 1050;
  DrainAnswer late{.drained = false, .interrupted = {}, .server = "db1", .open = {}};
  late.open.add(5, OpenWork::Kind::lock, 1006);
  late.open.seen_ms = 1103;
  for (const auto& parts : {std::vector{early, late}, std::vector{late, early}}) {
    EXPECT_TRUE(joined(parts).what().ends_with("the oldest is session 4, a transaction for 103 ms"));
  }
}

TEST(GateAnswer, a_later_order_is_named) {
  const DrainAnswer interrupted{.drained = false, .interrupted = "the gate was opened", .server = "db1", .open = {}};
  EXPECT_EQ(joined({drained(), interrupted}).what(), "the gate was opened");
}

TEST(GateAnswer, a_cut_tells_what_may_run_on) {
  CutAnswer sum;
  EXPECT_TRUE(sum.ok());
  EXPECT_EQ(sum.what(), "");
  sum += {.interrupted = {}, .sessions = 3, .running = 2};
  EXPECT_FALSE(sum.ok());
  EXPECT_NE(sum.what().find("2 statement(s) may still run"), std::string::npos) << sum.what();
}

}  // namespace
}  // namespace sluice::proxy
