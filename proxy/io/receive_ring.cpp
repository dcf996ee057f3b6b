#include "proxy/io/receive_ring.hpp"

#include <unistd.h>

#include <algorithm>
#include <bit>
#include <cassert>
#include <cerrno>
#include <cstring>

namespace sluice::io {
namespace {

constexpr std::uint32_t entries_max = 32768;  // of the kernel
constexpr std::uint32_t target_first = 64;

}  // namespace

ReceiveRing::ReceiveRing(BlockPool& pool, std::uint32_t entries)
    : pool_(pool),
      entries_(std::bit_ceil(std::clamp(entries, 1U, entries_max))),
      target_(std::min(target_first, entries_)),
      blocks_(entries_, nullptr) {
  empty_ids_.reserve(entries_);
  for (std::uint32_t id = entries_; id > 0; --id) empty_ids_.push_back(static_cast<std::uint16_t>(id - 1));
}

ReceiveRing::~ReceiveRing() {
  for (Block* block : blocks_) {
    if (block == nullptr) continue;
    block->references = 0;
    pool_.give_back(block);
  }
}

int ReceiveRing::open(io_uring& ring) {
  const auto page = static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
  const std::size_t bytes = (entries_ * sizeof(io_uring_buf) + page - 1) / page * page;
  void* memory = std::aligned_alloc(page, bytes);
  if (memory == nullptr) return ENOMEM;
  std::memset(memory, 0, bytes);
  ring_.reset(static_cast<io_uring_buf_ring*>(memory));
  io_uring_buf_ring_init(ring_.get());
  io_uring_buf_reg registration{};
  registration.ring_addr = reinterpret_cast<std::uintptr_t>(memory);
  registration.ring_entries = entries_;
  registration.bgid = group;
  const int error = -io_uring_register_buf_ring(&ring, &registration, 0);
  if (error != 0) ring_.reset();
  return error;
}

void ReceiveRing::close(io_uring& ring) {
  if (ring_ != nullptr) io_uring_unregister_buf_ring(&ring, group);
}

void ReceiveRing::offer(std::uint16_t id) {
  Block* block = blocks_[id];
  assert(block != nullptr);
  io_uring_buf_ring_add(ring_.get(), block->data(), block->capacity, id, io_uring_buf_ring_mask(entries_),
                        static_cast<int>(unpublished_));
  ++unpublished_;
  ++offered_;
}

void ReceiveRing::detach(std::uint16_t id) {
  assert(blocks_[id] != nullptr);
  blocks_[id] = nullptr;
  empty_ids_.push_back(id);
}

void ReceiveRing::refill() {
  if (shortage_) {
    target_ = std::min(target_ * 2, entries_);
    shortage_ = false;
  }
  while (offered_ < target_) {
    Block* block = pool_.take_large();
    if (block == nullptr) break;
    const std::uint16_t id = empty_ids_.back();
    empty_ids_.pop_back();
    blocks_[id] = block;
    offer(id);
  }
  if (unpublished_ == 0) return;
  io_uring_buf_ring_advance(ring_.get(), static_cast<int>(unpublished_));
  unpublished_ = 0;
}

}  // namespace sluice::io
