// Received bytes, shared without copying: a Block is memory of one worker, a Slice is a counted view of part of it.
//
// Flow: the loop fills a Block and hands up a Slice; the session cuts it (`split_front`), and gives the pieces to
// `Loop::send`; when the last Slice is gone the Block returns to its pool. Not thread-safe: a Block never leaves its
// worker's thread, so counting needs no atomics.
#pragma once

#include <cassert>
#include <cstddef>
#include <cstdint>
#include <utility>

#include "protocol/bytes.hpp"

namespace sluice::io {

class BlockPool;

// Header of a block; the data follows it in memory. Made and destroyed only by BlockPool.
struct Block {
  BlockPool* pool = nullptr;
  Block* next_free = nullptr;
  std::uint32_t capacity = 0;
  std::uint32_t references = 0;

  [[nodiscard]] std::uint8_t* data() { return reinterpret_cast<std::uint8_t*>(this + 1); }
};

class Slice {
 public:
  Slice() = default;
  // Takes over one reference that the caller holds.
  Slice(Block* block, std::uint32_t begin, std::uint32_t end) : block_(block), begin_(begin), end_(end) {
    assert(begin <= end && end <= block->capacity);
  }
  Slice(const Slice& other) : block_(other.block_), begin_(other.begin_), end_(other.end_) {
    if (block_ != nullptr) ++block_->references;
  }
  Slice(Slice&& other) noexcept
      : block_(std::exchange(other.block_, nullptr)),
        begin_(std::exchange(other.begin_, 0)),
        end_(std::exchange(other.end_, 0)) {}
  Slice& operator=(Slice other) noexcept {
    std::swap(block_, other.block_);
    std::swap(begin_, other.begin_);
    std::swap(end_, other.end_);
    return *this;
  }
  ~Slice() { release(); }

  [[nodiscard]] std::size_t size() const { return end_ - begin_; }
  [[nodiscard]] bool empty() const { return begin_ == end_; }
  // Writable: a received block belongs to whoever holds it, and headers are patched in place.
  [[nodiscard]] std::uint8_t* data() const { return block_->data() + begin_; }
  [[nodiscard]] protocol::Bytes bytes() const { return empty() ? protocol::Bytes{} : protocol::Bytes{data(), size()}; }

  // Cuts the first `n` bytes off into a Slice of their own; this one keeps the rest. n ≤ size().
  [[nodiscard]] Slice split_front(std::size_t n) {
    assert(n <= size());
    Slice front(*this);
    front.end_ = front.begin_ + static_cast<std::uint32_t>(n);
    begin_ = front.end_;
    return front;
  }
  void drop_front(std::size_t n) {
    assert(n <= size());
    begin_ += static_cast<std::uint32_t>(n);
  }

  // If `other` continues this slice in the same block, takes it in and returns true.
  bool append(const Slice& other) {
    if (block_ != other.block_ || end_ != other.begin_) return false;
    end_ = other.end_;
    return true;
  }

 private:
  void release() {
    if (block_ != nullptr && --block_->references == 0) recycle(block_);
  }
  static void recycle(Block* block);  // slice.cpp: the last reference is gone, back to the pool

  Block* block_ = nullptr;
  std::uint32_t begin_ = 0;
  std::uint32_t end_ = 0;
};

}  // namespace sluice::io
