// Slices for tests without a loop.
#pragma once

#include <algorithm>

#include "proxy/io/block_pool.hpp"

namespace sluice::proxy {

class Slices {
 public:
  // A slice of its own block with these bytes, 16 KiB at most.
  io::Slice of(protocol::Bytes bytes) {
    io::Slice slice = pool_->allocate(bytes.size());
    std::copy(bytes.begin(), bytes.end(), slice.data());
    return slice;
  }
  [[nodiscard]] std::size_t held() const { return pool_->held_blocks(); }

 private:
  io::BlockPool::Owner pool_ = io::BlockPool::create({});
};

}  // namespace sluice::proxy
