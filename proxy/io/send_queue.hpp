// The bytes that wait to leave on one stream, in order: a ring of slices that grows by doubling and allocates nothing
// on the steady path.
//
// Flow: `push` while the turn runs; `gather` into iovecs at its end; `consume(n)` when the kernel has taken n bytes.
#pragma once

#include <sys/uio.h>

#include <cstddef>
#include <cstdint>
#include <memory>

#include "proxy/io/slice.hpp"

namespace sluice::io {

class SendQueue {
 public:
  // Joined with the last slice if it continues it in the same block. That may be a slice that the kernel is reading:
  // its first bytes don't move, and `consume` counts bytes, not slices.
  void push(Slice slice);
  // Fills at most `limit` iovecs from the front; returns how many.
  std::size_t gather(iovec* out, std::size_t limit) const;
  // Drops `n` bytes from the front. n ≤ bytes().
  void consume(std::size_t n);
  // Keeps only the first `slices`.
  void truncate(std::size_t slices);

  [[nodiscard]] bool empty() const { return count_ == 0; }
  [[nodiscard]] std::size_t slices() const { return count_; }
  [[nodiscard]] std::size_t bytes() const { return bytes_; }

 private:
  [[nodiscard]] Slice& at(std::size_t index) const { return ring_[(head_ + index) & (capacity_ - 1)]; }
  void grow();

  std::unique_ptr<Slice[]> ring_;
  std::uint32_t capacity_ = 0;  // zero or a power of two
  std::uint32_t head_ = 0;
  std::uint32_t count_ = 0;
  std::size_t bytes_ = 0;
};

}  // namespace sluice::io
