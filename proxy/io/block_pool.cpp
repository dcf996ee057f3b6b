#include "proxy/io/block_pool.hpp"

#include <cassert>
#include <cstdlib>
#include <new>

#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/asan_interface.h>
#define SLUICE_POISON(block) __asan_poison_memory_region((block)->data(), (block)->capacity)
#define SLUICE_UNPOISON(block) __asan_unpoison_memory_region((block)->data(), (block)->capacity)
#else
#define SLUICE_POISON(block) static_cast<void>(block)
#define SLUICE_UNPOISON(block) static_cast<void>(block)
#endif

namespace sluice::io {

BlockPool::Owner BlockPool::create(const BlockLimits& limits) { return Owner(new BlockPool(limits)); }

BlockPool::BlockPool(const BlockLimits& limits) : limits_(limits) {
  small_.capacity = small_capacity;
  // The two classes are told apart by capacity.
  large_.capacity = limits.block_size > small_capacity ? limits.block_size : small_capacity + 1;
}

BlockPool::~BlockPool() {
  assert(held_ == 0);
  while (small_.free != nullptr) release_idle(small_);
  while (large_.free != nullptr) release_idle(large_);
  assert(used_ == 0);
}

void BlockPool::retire() {
  retired_ = true;
  if (held_ == 0) delete this;
}

Block* BlockPool::take(SizeClass& size_class) {
  Block* block = size_class.free != nullptr ? pop_free(size_class) : make(size_class);
  if (block == nullptr) return nullptr;
  block->references = 1;
  ++held_;
  return block;
}

Block* BlockPool::pop_free(SizeClass& size_class) {
  Block* block = size_class.free;
  size_class.free = block->next_free;
  block->next_free = nullptr;
  idle_ -= size_class.bytes();
  SLUICE_UNPOISON(block);
  return block;
}

Block* BlockPool::make(SizeClass& size_class) {
  const std::size_t bytes = size_class.bytes();
  // At the cap, idle blocks of the other size make room.
  SizeClass& other = &size_class == &small_ ? large_ : small_;
  const std::size_t limit = limit_of(size_class);
  while (used_ + bytes > limit && other.free != nullptr) release_idle(other);
  if (used_ + bytes > limit) return nullptr;
  void* memory = std::malloc(bytes);
  if (memory == nullptr) return nullptr;
  used_ += bytes;
  Block* block = new (memory) Block;
  block->pool = this;
  block->capacity = size_class.capacity;
  return block;
}

void BlockPool::release_idle(SizeClass& size_class) {
  Block* block = pop_free(size_class);
  used_ -= size_class.bytes();
  block->~Block();
  std::free(block);
}

void BlockPool::give_back(Block* block) {
  assert(block->references == 0 && held_ > 0);
  --held_;
  SizeClass& size_class = class_of(block);
  SLUICE_POISON(block);
  block->next_free = size_class.free;
  size_class.free = block;
  idle_ += size_class.bytes();
  if (retired_) {
    if (held_ == 0) delete this;
    return;
  }
  if (idle_ > limits_.idle_max) release_idle(size_class);
}

Slice BlockPool::allocate(std::size_t size) {
  if (size > large_.capacity) return {};
  Block* block = size <= small_.capacity ? take_small() : take_large();
  if (block == nullptr) return {};
  return {block, 0, static_cast<std::uint32_t>(size)};
}

bool BlockPool::has_large() const {
  return large_.free != nullptr || used_ - idle_ + large_.bytes() <= limit_of(large_);
}

}  // namespace sluice::io
