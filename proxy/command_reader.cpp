#include "proxy/command_reader.hpp"

#include <algorithm>
#include <array>
#include <cassert>

namespace sluice::proxy {

using protocol::ByteBuffer;
using protocol::packet_header_size;

protocol::MutableBytes ClientCommand::mutable_payload() {
  const std::size_t size = packet().size() - packet_header_size;
  return {(slice_.empty() ? flat_.data() : slice_.data()) + packet_header_size, size};
}

void ClientCommand::move_to_own_memory() {
  if (slice_.empty()) return;
  flat_.assign(slice_.bytes().begin(), slice_.bytes().end());
  slice_ = {};
}

void CommandReader::push(io::Slice slice) {
  if (slice.empty()) return;
  if (buffered() == 0) {
    fresh_ = std::move(slice);
    return;
  }
  // Taken bytes go once they are the larger part: a client that is always half a command ahead never empties it.
  if (kept_begin_ > kept_size()) {
    kept_.erase(kept_.begin(), kept_.begin() + static_cast<std::ptrdiff_t>(kept_begin_));
    kept_begin_ = 0;
  }
  kept_.insert(kept_.end(), slice.bytes().begin(), slice.bytes().end());
}

std::optional<protocol::PacketHeader> CommandReader::header() const {
  if (buffered() < packet_header_size) return std::nullopt;
  if (fresh_.size() >= packet_header_size) return protocol::read_packet_header(fresh_.bytes());
  std::array<std::uint8_t, packet_header_size> bytes{};
  const auto from_fresh = fresh_.bytes();
  auto* rest = std::copy(from_fresh.begin(), from_fresh.end(), bytes.data());
  std::copy_n(kept_.data() + kept_begin_, packet_header_size - from_fresh.size(), rest);
  return protocol::read_packet_header(bytes);
}

std::uint8_t CommandReader::sequence() const {
  const auto h = header();
  return h ? h->sequence : 0;
}

std::uint8_t CommandReader::front_command() const {
  const auto h = header();
  if (!h || h->length == 0 || buffered() <= packet_header_size) return 0;
  if (fresh_.size() > packet_header_size) return fresh_.bytes()[packet_header_size];
  return kept_[kept_begin_ + packet_header_size - fresh_.size()];
}

CommandReader::Front CommandReader::front(std::size_t inspect_max) const {
  const auto h = header();
  if (!h) return Front::incomplete;
  const std::size_t needed = packet_header_size + std::min<std::size_t>(h->length, inspect_max);
  if (buffered() < needed) return Front::incomplete;
  return h->length > inspect_max || h->continued() ? Front::long_head : Front::whole;
}

ClientCommand CommandReader::take_whole() {
  const std::size_t size = packet_header_size + header()->length;
  if (fresh_.size() == size) return ClientCommand(std::move(fresh_));
  if (fresh_.size() > size) return ClientCommand(fresh_.split_front(size));
  return ClientCommand(take_flat(size));
}

ClientCommand CommandReader::take_head(std::size_t inspect_max) {
  const auto h = *header();
  const std::size_t head = std::min<std::size_t>(h.length, inspect_max);
  in_body_ = true;
  body_left_ = h.length - head;
  long_size_ = h.length;
  last_sequence_ = h.sequence;
  body_continues_ = h.continued();
  return ClientCommand(take_flat(packet_header_size + head));
}

CommandReader::Piece CommandReader::take_body() {
  assert(in_body_);
  if (body_left_ == 0) {  // at the header of the packet that continues the command
    const auto h = header();
    if (!h) return {};
    body_left_ = packet_header_size + h->length;
    long_size_ += h->length;
    last_sequence_ = h->sequence;
    body_continues_ = h->continued();
  }
  Piece piece;
  if (!fresh_.empty()) {
    piece.slice = fresh_.split_front(std::min(fresh_.size(), body_left_));
    body_left_ -= piece.slice.size();
    if (fresh_.empty()) fresh_ = {};
  } else if (kept_size() > 0) {
    piece.copied = take_flat(std::min(kept_size(), body_left_));
    body_left_ -= piece.copied.size();
  }
  if (body_left_ == 0 && !body_continues_) in_body_ = false;
  return piece;
}

ByteBuffer CommandReader::take_flat(std::size_t n) {
  ByteBuffer flat;
  flat.reserve(n);
  const std::size_t from_fresh = std::min(n, fresh_.size());
  const io::Slice front = fresh_.split_front(from_fresh);
  flat.insert(flat.end(), front.bytes().begin(), front.bytes().end());
  const auto begin = kept_.begin() + static_cast<std::ptrdiff_t>(kept_begin_);
  const std::size_t from_kept = n - from_fresh;
  flat.insert(flat.end(), begin, begin + static_cast<std::ptrdiff_t>(from_kept));
  kept_begin_ += from_kept;
  if (kept_begin_ == kept_.size()) {
    kept_ = {};
    kept_begin_ = 0;
  }
  if (fresh_.empty()) fresh_ = {};
  return flat;
}

}  // namespace sluice::proxy
