// The blocks that the kernel may receive into: a provided-buffer ring (io_uring_register_buf_ring(3)), each entry a
// buffer id that stands for a Block.
//
// Flow: `open`; a completion names a buffer id: `block(id)` has the bytes; `detach(id)` if the block is handed up, else
// `keep(id)`; `refill()` once a turn offers fresh blocks and publishes everything.
//
// The kernel takes buffers first in, first out, so a long ring walks through cold memory. The ring starts short and
// grows only when a turn found it empty.
#pragma once

#include <liburing.h>

#include <cstdint>
#include <cstdlib>
#include <memory>
#include <vector>

#include "proxy/io/block_pool.hpp"

namespace sluice::io {

class ReceiveRing {
 public:
  static constexpr std::uint16_t group = 1;

  // `entries`: at most this many buffers are offered; rounded up to a power of two, at most 32768.
  ReceiveRing(BlockPool& pool, std::uint32_t entries);
  ~ReceiveRing();
  ReceiveRing(const ReceiveRing&) = delete;
  ReceiveRing& operator=(const ReceiveRing&) = delete;

  // 0 or an errno. Close before the ring is.
  [[nodiscard]] int open(io_uring& ring);
  void close(io_uring& ring);

  [[nodiscard]] Block* block(std::uint16_t id) const { return blocks_[id]; }
  void keep(std::uint16_t id) { offer(id); }
  void detach(std::uint16_t id);
  void refill();
  // A receive found no buffer: offer more from the next refill on.
  void note_shortage() { shortage_ = true; }

  // Buffers that the kernel has or will have at the next refill.
  [[nodiscard]] std::uint32_t offered() const { return offered_; }
  void note_used() { --offered_; }

 private:
  struct Free {
    void operator()(io_uring_buf_ring* memory) const { std::free(memory); }
  };

  void offer(std::uint16_t id);

  BlockPool& pool_;
  std::uint32_t entries_;
  std::uint32_t target_;
  std::uint32_t offered_ = 0;
  std::uint32_t unpublished_ = 0;
  bool shortage_ = false;
  std::unique_ptr<io_uring_buf_ring, Free> ring_;
  std::vector<Block*> blocks_;            // by buffer id; nullptr: none
  std::vector<std::uint16_t> empty_ids_;  // ids without a block
};

}  // namespace sluice::io
