#include "proxy/io/block_pool.hpp"

#include <gtest/gtest.h>

#include <cstring>
#include <vector>

#include "proxy/io/send_queue.hpp"

namespace sluice::io {
namespace {

constexpr BlockLimits limits{.block_size = 4096, .memory_max = 64 * 1024, .idle_max = 16 * 1024};

TEST(BlockPoolTest, ReusesTheLastBlockFirst) {
  const auto pool = BlockPool::create(limits);
  Slice first = pool->allocate(4096);
  Slice second = pool->allocate(4096);
  const std::uint8_t* last = second.data();
  first = {};
  second = {};
  EXPECT_EQ(pool->allocate(4000).data(), last);
}

TEST(BlockPoolTest, CountsOnlyWhatIsThere) {
  const auto pool = BlockPool::create(limits);
  EXPECT_EQ(pool->memory_used(), 0U);
  Slice large = pool->allocate(4096);
  EXPECT_EQ(pool->memory_used(), 4096 + sizeof(Block));
  Slice small = pool->allocate(BlockPool::small_capacity);
  EXPECT_EQ(pool->memory_used(), 4096 + sizeof(Block) + 512);
  EXPECT_EQ(pool->held_blocks(), 2U);
  large = {};
  EXPECT_EQ(pool->held_blocks(), 1U);
  EXPECT_EQ(pool->idle_bytes(), 4096 + sizeof(Block));
  EXPECT_TRUE(pool->allocate(4097).empty());
}

TEST(BlockPoolTest, StopsAtTheCapAndRecovers) {
  const auto pool = BlockPool::create(limits);
  std::vector<Slice> held;
  while (pool->has_large()) {
    held.push_back(pool->allocate(4096));
    ASSERT_FALSE(held.back().empty());
  }
  EXPECT_EQ(held.size(), limits.memory_max * 15 / 16 / (4096 + sizeof(Block)));
  EXPECT_TRUE(pool->allocate(4096).empty());
  // An error can still be written; but there is an end to that too.
  std::vector<Slice> small;
  for (Slice slice = pool->allocate(100); !slice.empty(); slice = pool->allocate(100)) small.push_back(slice);
  EXPECT_GE(small.size(), limits.memory_max / 16 / 512);
  EXPECT_LE(pool->memory_used(), limits.memory_max);
  small.clear();
  held.pop_back();
  EXPECT_TRUE(pool->has_large());
  EXPECT_FALSE(pool->allocate(4096).empty());
}

TEST(BlockPoolTest, IdleBlocksOfOneSizeMakeRoomForTheOther) {
  const auto pool = BlockPool::create({.block_size = 4096, .memory_max = 16 * 1024, .idle_max = 16 * 1024});
  {
    std::vector<Slice> small;
    for (Slice slice = pool->allocate(1); !slice.empty(); slice = pool->allocate(1)) small.push_back(slice);
    EXPECT_EQ(small.size(), 32U);
    EXPECT_FALSE(pool->has_large());
  }
  EXPECT_TRUE(pool->has_large());
  const Slice large = pool->allocate(4096);
  EXPECT_FALSE(large.empty());
  EXPECT_LE(pool->memory_used(), 16U * 1024);
}

TEST(BlockPoolTest, GivesBackWhatIsIdleBeyondTheLimit) {
  const auto pool = BlockPool::create(limits);
  {
    std::vector<Slice> burst;
    for (int i = 0; i < 15; ++i) burst.push_back(pool->allocate(4096));
  }
  EXPECT_LE(pool->memory_used(), limits.idle_max);
  EXPECT_GT(pool->idle_bytes(), 0U);
}

TEST(BlockPoolTest, ABlockReturnsWithItsLastSlice) {
  const auto pool = BlockPool::create(limits);
  Slice whole = pool->allocate(100);
  Slice front = whole.split_front(40);
  Slice copy = whole;
  EXPECT_EQ(front.size(), 40U);
  EXPECT_EQ(whole.data(), front.data() + 40);
  whole = {};
  front = {};
  EXPECT_EQ(pool->held_blocks(), 1U);
  copy = {};
  EXPECT_EQ(pool->held_blocks(), 0U);
}

TEST(BlockPoolTest, OutlivesItsOwnerForTheSlicesThatAreOut) {
  Slice kept;
  {
    const auto pool = BlockPool::create(limits);
    kept = pool->allocate(10);
    std::memset(kept.data(), 7, 10);
  }
  EXPECT_EQ(kept.data()[9], 7);
}

// ---- the queue of a stream ----

class SendQueueTest : public testing::Test {
 protected:
  Slice make(std::size_t size, std::uint8_t value) {
    Slice slice = pool_->allocate(size);
    std::memset(slice.data(), value, size);
    return slice;
  }
  BlockPool::Owner pool_ = BlockPool::create({.block_size = 4096, .memory_max = 8U << 20, .idle_max = 0});
};

TEST_F(SendQueueTest, JoinsNeighboursInOneBlock) {
  SendQueue queue;
  Slice slice = make(100, 1);
  for (int i = 0; i < 10; ++i) queue.push(slice.split_front(10));
  EXPECT_EQ(queue.slices(), 1U);
  EXPECT_EQ(queue.bytes(), 100U);
  queue.push(Slice());
  EXPECT_EQ(queue.slices(), 1U);
}

TEST_F(SendQueueTest, KeepsOrderWhileItGrowsAndWraps) {
  SendQueue queue;
  std::uint8_t pushed = 0;
  std::uint8_t popped = 0;
  std::vector<iovec> iovecs(64);
  for (int round = 0; round < 30; ++round) {
    for (int i = 0; i < 7; ++i) queue.push(make(3, pushed++));
    for (int i = 0; i < 5; ++i) {
      ASSERT_GE(queue.gather(iovecs.data(), 64), 1U);
      EXPECT_EQ(*static_cast<std::uint8_t*>(iovecs[0].iov_base), popped++);
      queue.consume(3);
    }
  }
  EXPECT_EQ(queue.slices(), 60U);
  EXPECT_EQ(queue.gather(iovecs.data(), 64), 60U);
  for (std::size_t i = 0; i < 60; ++i) {
    EXPECT_EQ(*static_cast<std::uint8_t*>(iovecs[i].iov_base), static_cast<std::uint8_t>(popped + i));
  }
  EXPECT_EQ(queue.gather(iovecs.data(), 10), 10U);
}

TEST_F(SendQueueTest, ConsumesAcrossSlices) {
  SendQueue queue;
  queue.push(make(10, 1));
  queue.push(make(10, 2));
  queue.push(make(10, 3));
  queue.consume(15);
  EXPECT_EQ(queue.slices(), 2U);
  EXPECT_EQ(queue.bytes(), 15U);
  EXPECT_EQ(pool_->held_blocks(), 2U);
  iovec first{};
  queue.gather(&first, 1);
  EXPECT_EQ(first.iov_len, 5U);
  EXPECT_EQ(*static_cast<std::uint8_t*>(first.iov_base), 2);
  queue.truncate(1);
  EXPECT_EQ(queue.bytes(), 5U);
  queue.consume(5);
  EXPECT_TRUE(queue.empty());
  EXPECT_EQ(pool_->held_blocks(), 0U);
}

}  // namespace
}  // namespace sluice::io
