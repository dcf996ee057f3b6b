// Ids of sessions: each worker's are its own, they come round, and none is given twice.
#include "proxy/session_id.hpp"

#include <gtest/gtest.h>

#include <set>

namespace sluice::proxy {
namespace {

TEST(SessionId, TellsTheWorker) {
  for (const std::uint32_t workers : {1U, 2U, 3U, 7U}) {
    std::set<std::uint32_t> all;
    for (std::uint32_t worker = 0; worker < workers; ++worker) {
      SessionIds ids(worker, workers);
      for (int i = 0; i < 100; ++i) {
        const std::uint32_t id = ids.next([](std::uint32_t) { return false; });
        EXPECT_TRUE(is_session_id(id));
        EXPECT_EQ(worker_of(id, workers), worker);
        EXPECT_TRUE(all.insert(id).second);
      }
    }
  }
}

TEST(SessionId, ComesRoundPastThoseInUse) {
  // So many workers that each has four ids.
  const std::uint32_t workers = (session_id_last - session_id_first + 1) / 4;
  SessionIds ids(5, workers);
  const auto free = [](std::uint32_t) { return false; };
  const std::uint32_t first = ids.next(free);
  for (int i = 0; i < 3; ++i) static_cast<void>(ids.next(free));
  EXPECT_EQ(ids.next(free), first);
  for (int i = 0; i < 3; ++i) static_cast<void>(ids.next(free));
  const std::uint32_t next = ids.next([&](std::uint32_t id) { return id == first; });
  EXPECT_NE(next, first);
  EXPECT_TRUE(is_session_id(next));
  EXPECT_EQ(worker_of(next, workers), 5U);
}

TEST(SessionId, IsNoThread) {
  EXPECT_FALSE(is_session_id(0));
  EXPECT_FALSE(is_session_id(session_id_first - 1));
  EXPECT_FALSE(is_session_id(std::uint64_t{session_id_last} + 1));
  EXPECT_FALSE(is_session_id(std::uint64_t{1} << 40));
}

}  // namespace
}  // namespace sluice::proxy
