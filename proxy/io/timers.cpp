#include "proxy/io/timers.hpp"

namespace sluice::io {

TimerId TimerQueue::start(std::uint64_t deadline_ms, TimerHandler* handler, std::uint64_t context) {
  std::uint32_t index = 0;
  if (free_.empty()) {
    index = static_cast<std::uint32_t>(slots_.size());
    slots_.emplace_back();
  } else {
    index = free_.back();
    free_.pop_back();
  }
  Slot& slot = slots_[index];
  slot.handler = handler;
  slot.context = context;
  slot.armed = true;
  heap_.emplace_back();
  sift_up(heap_.size() - 1, Node{deadline_ms, next_sequence_++, index});
  return {index, slot.generation};
}

void TimerQueue::cancel(TimerId timer) {
  if (timer.slot >= slots_.size()) return;
  const Slot& slot = slots_[timer.slot];
  if (!slot.armed || slot.generation != timer.generation) return;
  remove(slot.position);
  free_slot(timer.slot);
}

std::optional<TimerQueue::Due> TimerQueue::pop_due(std::uint64_t now_ms) {
  // Older timers that are due sort before younger ones (whose deadline is at least `now`), so the first young one
  // ends the expiry.
  if (heap_.empty() || heap_.front().deadline > now_ms || heap_.front().sequence >= expiry_limit_) return std::nullopt;
  const std::uint32_t index = heap_.front().slot;
  const Slot& slot = slots_[index];
  const Due due{{index, slot.generation}, slot.handler, slot.context};
  remove(0);
  free_slot(index);
  return due;
}

void TimerQueue::place(std::size_t position, const Node& node) {
  heap_[position] = node;
  slots_[node.slot].position = static_cast<std::uint32_t>(position);
}

void TimerQueue::sift_up(std::size_t position, const Node& node) {
  while (position > 0) {
    const std::size_t parent = (position - 1) / 2;
    if (!node.before(heap_[parent])) break;
    place(position, heap_[parent]);
    position = parent;
  }
  place(position, node);
}

void TimerQueue::sift_down(std::size_t position, const Node& node) {
  while (true) {
    std::size_t child = 2 * position + 1;
    if (child >= heap_.size()) break;
    if (child + 1 < heap_.size() && heap_[child + 1].before(heap_[child])) ++child;
    if (!heap_[child].before(node)) break;
    place(position, heap_[child]);
    position = child;
  }
  place(position, node);
}

void TimerQueue::remove(std::size_t position) {
  const Node last = heap_.back();
  heap_.pop_back();
  if (position == heap_.size()) return;
  // The last node fills the hole and moves whichever way it must.
  if (position > 0 && last.before(heap_[(position - 1) / 2])) {
    sift_up(position, last);
  } else {
    sift_down(position, last);
  }
}

void TimerQueue::free_slot(std::uint32_t slot) {
  Slot& entry = slots_[slot];
  entry.armed = false;
  if (++entry.generation == 0) entry.generation = 1;
  free_.push_back(slot);
}

}  // namespace sluice::io
