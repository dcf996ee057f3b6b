#include "proxy/io/send_queue.hpp"

#include <algorithm>
#include <cassert>
#include <utility>

namespace sluice::io {
namespace {

constexpr std::uint32_t capacity_first = 4;
constexpr std::uint32_t capacity_kept = 64;  // an emptied ring larger than this is given back

}  // namespace

void SendQueue::push(Slice slice) {
  if (slice.empty()) return;
  bytes_ += slice.size();
  if (count_ > 0 && at(count_ - 1).append(slice)) return;
  if (count_ == capacity_) grow();
  ++count_;
  at(count_ - 1) = std::move(slice);
}

void SendQueue::grow() {
  const std::uint32_t capacity = capacity_ == 0 ? capacity_first : capacity_ * 2;
  auto ring = std::make_unique<Slice[]>(capacity);
  for (std::uint32_t i = 0; i < count_; ++i) ring[i] = std::move(at(i));
  ring_ = std::move(ring);
  capacity_ = capacity;
  head_ = 0;
}

std::size_t SendQueue::gather(iovec* out, std::size_t limit) const {
  const std::size_t n = std::min<std::size_t>(limit, count_);
  for (std::size_t i = 0; i < n; ++i) {
    const Slice& slice = at(i);
    out[i] = {.iov_base = slice.data(), .iov_len = slice.size()};
  }
  return n;
}

void SendQueue::consume(std::size_t n) {
  assert(n <= bytes_);
  bytes_ -= n;
  while (n > 0) {
    Slice& front = at(0);
    if (n < front.size()) {
      front.drop_front(n);
      return;
    }
    n -= front.size();
    front = Slice();
    head_ = (head_ + 1) & (capacity_ - 1);
    --count_;
  }
  if (count_ == 0 && capacity_ > capacity_kept) *this = SendQueue();
}

void SendQueue::truncate(std::size_t slices) {
  while (count_ > slices) {
    bytes_ -= at(count_ - 1).size();
    at(count_ - 1) = Slice();
    --count_;
  }
  if (count_ == 0 && capacity_ > capacity_kept) *this = SendQueue();
}

}  // namespace sluice::io
