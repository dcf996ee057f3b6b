#include "proxy/io/stream_table.hpp"

#include <cassert>
#include <utility>

namespace sluice::io {

Stream* StreamTable::acquire() {
  if (!free_.empty()) {
    Stream& stream = at(free_.back());
    free_.pop_back();
    return &stream;
  }
  if (size_ == Token::slots_max) return nullptr;
  if (size_ == chunks_.size() * chunk_size) chunks_.push_back(std::make_unique<Stream[]>(chunk_size));
  Stream& stream = at(size_);
  stream.slot = size_++;
  return &stream;
}

Stream* StreamTable::find(StreamId id) const {
  if (id.slot >= size_) return nullptr;
  Stream& stream = at(id.slot);
  return stream.generation == id.generation && stream.state != Stream::State::free ? &stream : nullptr;
}

void StreamTable::release(Stream& stream) {
  assert(stream.state == Stream::State::closing && stream.fd == -1 && stream.sending == 0);
  Stream next;
  next.slot = stream.slot;
  next.generation = stream.generation + 1 == 0 ? 1 : stream.generation + 1;
  next.touched = stream.touched;  // an entry of the flush list outlives the stream and does no harm
  stream.queue.truncate(0);
  next.queue = std::move(stream.queue);  // its memory is kept for the next one
  stream = std::move(next);
  free_.push_back(stream.slot);
}

}  // namespace sluice::io
