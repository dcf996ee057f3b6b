// The memory of one worker's bytes in flight: counted blocks of two sizes, under one hard cap. Small blocks hold what
// we make ourselves and short receives; large ones are what the kernel receives into.
//
// Flow: `BlockPool::create(limits)`; `take_large()` for a receive, `allocate(n)` for bytes to be written; the last
// Slice gives the block back. Free blocks are reused last in, first out (their cache lines are warm); beyond
// `idle_max` they go back to the allocator, so memory falls again after a burst. Not thread-safe.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>

#include "proxy/io/slice.hpp"

namespace sluice::io {

struct BlockLimits {
  std::uint32_t block_size = 16 * 1024;  // bytes of data in a large block
  // Bytes of all blocks with their headers, held or free. The last sixteenth is for small blocks: when receiving has
  // taken all it may, an error can still be written.
  std::size_t memory_max = 256U << 20;
  std::size_t idle_max = 8U << 20;  // bytes kept in free lists
};

class BlockPool {
 public:
  static constexpr std::uint32_t small_capacity = 512 - sizeof(Block);

  // Blocks may outlive the owner of the pool (a session that still holds a slice when its loop is destroyed), so the
  // pool lives on until the last one is back.
  struct Retire {
    void operator()(BlockPool* pool) const { pool->retire(); }
  };
  using Owner = std::unique_ptr<BlockPool, Retire>;
  static Owner create(const BlockLimits& limits);

  BlockPool(const BlockPool&) = delete;
  BlockPool& operator=(const BlockPool&) = delete;

  // A block with one reference that the caller holds, or nullptr if memory_max is reached.
  [[nodiscard]] Block* take_large() { return take(large_); }
  [[nodiscard]] Block* take_small() { return take(small_); }
  // A slice of `size` bytes, unwritten; empty if memory_max is reached or no block is large enough.
  [[nodiscard]] Slice allocate(std::size_t size);
  // Only for blocks with no reference left.
  void give_back(Block* block);

  // True if take_large would succeed.
  [[nodiscard]] bool has_large() const;
  [[nodiscard]] std::size_t memory_used() const { return used_; }
  [[nodiscard]] std::size_t idle_bytes() const { return idle_; }
  [[nodiscard]] std::size_t held_blocks() const { return held_; }

 private:
  struct SizeClass {
    std::uint32_t capacity = 0;
    Block* free = nullptr;
    [[nodiscard]] std::size_t bytes() const { return capacity + sizeof(Block); }
  };

  explicit BlockPool(const BlockLimits& limits);
  ~BlockPool();
  void retire();

  Block* take(SizeClass& size_class);
  [[nodiscard]] std::size_t limit_of(const SizeClass& size_class) const {
    return &size_class == &large_ ? limits_.memory_max - limits_.memory_max / 16 : limits_.memory_max;
  }
  Block* make(SizeClass& size_class);
  Block* pop_free(SizeClass& size_class);
  void release_idle(SizeClass& size_class);
  SizeClass& class_of(const Block* block) { return block->capacity == small_.capacity ? small_ : large_; }

  BlockLimits limits_;
  SizeClass small_;
  SizeClass large_;
  std::size_t used_ = 0;  // bytes taken from the allocator
  std::size_t idle_ = 0;  // of these, in free lists
  std::size_t held_ = 0;  // blocks that are out
  bool retired_ = false;
};

}  // namespace sluice::io
