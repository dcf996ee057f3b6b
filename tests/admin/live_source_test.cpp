#include "admin/live_source.hpp"

#include <gtest/gtest.h>

#include <utility>
#include <vector>

namespace sluice::admin {
namespace {

// A caller gets what was true after it asked: one who comes while a report is under way waits for the next.
TEST(LiveSource, SharesReportsWithoutGivingStaleOnes) {
  boost::asio::io_context io;
  std::vector<std::function<void(proxy::Report)>> asked;
  LiveSource source(
      io, {[&](auto done) { asked.push_back(std::move(done)); }, [](AdminState& state) { state.process.pid = 42; },
           [](std::uint32_t) {}, [] {}, [](const Order&, const ChangeDone&) {}});
  std::vector<std::size_t> got;
  const auto note = [&](const std::shared_ptr<const AdminState>& state) {
    EXPECT_EQ(state->process.pid, 42);
    got.push_back(state->report.clients);
  };
  source.gather(note);
  source.gather(note);
  source.gather(note);
  ASSERT_EQ(asked.size(), 1U);
  proxy::Report report;
  report.clients = 1;
  asked[0](report);
  EXPECT_TRUE(got.empty()) << "never from inside gather or another thread";
  io.run();
  EXPECT_EQ(got, std::vector<std::size_t>{1});
  ASSERT_EQ(asked.size(), 2U);
  report.clients = 2;
  asked[1](report);
  io.restart();
  io.run();
  EXPECT_EQ(got, (std::vector<std::size_t>{1, 2, 2}));
  EXPECT_EQ(asked.size(), 2U);
}

}  // namespace
}  // namespace sluice::admin
