#include "protocol/response_framer.hpp"

#include <algorithm>
#include <cassert>

#include "protocol/packet.hpp"

namespace sluice::protocol {

namespace {

constexpr std::size_t judged_size = packet_header_size + 1;  // header and first byte: enough to tell what a packet is
constexpr std::size_t held_capacity_kept = 1U << 14;

}  // namespace

void ResponseFramer::start(ResponseShape shape, Capabilities negotiated) {
  grammar_.start(shape, negotiated);
  if (held_.capacity() > held_capacity_kept) ByteBuffer().swap(held_);
  held_.clear();
  wanted_ = 0;
  body_left_ = 0;
  continuation_ = false;
  in_body_ = false;
  broken_ = false;
  packet_ = {};
  role_ = PacketRole::fragment;
  in_place_ = false;
  after_columns_ = false;
  done_ = false;
  untouched_ = true;
  next_sequence_ = 1;
}

Bytes ResponseFramer::payload() const {
  return role_ == PacketRole::fragment || packet_.empty() ? Bytes{} : packet_.subspan(packet_header_size);
}

FramerStep ResponseFramer::next(Bytes input) {
  assert(!input.empty() && !done_);
  untouched_ = false;
  packet_ = {};
  if (broken_) return malformed();
  return wanted_ > 0 ? resume_held(input) : run(input);
}

// Walks the packets that can be passed on, as far as the input goes or up to a packet that must be looked at.
FramerStep ResponseFramer::run(Bytes input) {
  std::size_t at = 0;
  bool stop = false;
  while (true) {
    at = skip_body(input, at);
    if (grammar_.done() || at == input.size()) break;
    if (grammar_.in_rows() && !continuation_) at = skip_rows(input, at);
    if (at == input.size()) break;
    const FramerStep step = meet_packet(input, at, stop);
    if (stop) return step;
  }
  done_ = grammar_.done();
  return {FramerStep::Kind::relay, at};
}

// At a header: begins a body that passes (and moves `at` past the header), or stops the run, which gives the bytes
// before the header first: what stands at the header is then met again at the start of the next call.
FramerStep ResponseFramer::meet_packet(Bytes input, std::size_t& at, bool& stop) {
  const Bytes rest = input.subspan(at);
  const FramerStep before{FramerStep::Kind::relay, at};
  stop = true;
  if (rest.size() < packet_header_size) return at > 0 ? before : hold(rest, packet_header_size);
  const PacketHeader header = read_packet_header(rest);
  PacketClass kind = PacketClass::pass;
  if (!continuation_) {
    if (rest.size() < judged_size && header.length > 0) return at > 0 ? before : hold(rest, judged_size);
    kind = grammar_.classify(header.length, header.length > 0 ? rest[packet_header_size] : std::uint8_t{0});
  }
  if (kind != PacketClass::pass) {
    const std::size_t total = packet_header_size + header.length;
    if (kind == PacketClass::column_count && rest.size() >= total) {
      next_sequence_ = static_cast<std::uint8_t>(header.sequence + 1);
      stop = !grammar_.take_column_count(rest.subspan(packet_header_size, header.length));
      if (stop) return malformed();
      at += total;
      return before;
    }
    if (at > 0) return before;
    if (kind == PacketClass::malformed || header.length > inspected_packet_max) return malformed();
    return rest.size() < total ? hold(rest, total) : give_packet(rest.first(total), total, true);
  }
  next_sequence_ = static_cast<std::uint8_t>(header.sequence + 1);
  begin_body(header.length, 0);
  at += packet_header_size;
  stop = false;
  return before;
}

// The hot path: whole rows that lie in the input, by their headers and first bytes.
std::size_t ResponseFramer::skip_rows(Bytes input, std::size_t at) {
  while (input.size() - at >= judged_size) {
    const Bytes rest = input.subspan(at);
    const PacketHeader header = read_packet_header(rest);
    if (!AnswerGrammar::plain_row(header.length, rest[packet_header_size])) break;
    if (header.length > rest.size() - packet_header_size) break;
    next_sequence_ = static_cast<std::uint8_t>(header.sequence + 1);
    at += packet_header_size + header.length;
  }
  return at;
}

// `seen` bytes of the body have gone by already.
void ResponseFramer::begin_body(std::uint32_t length, std::uint32_t seen) {
  in_body_ = true;
  body_left_ = length - seen;
  continuation_ = length == packet_payload_max;
}

std::size_t ResponseFramer::skip_body(Bytes input, std::size_t at) {
  if (!in_body_) return at;
  const auto taken = static_cast<std::uint32_t>(std::min<std::size_t>(body_left_, input.size() - at));
  body_left_ -= taken;
  if (body_left_ == 0) {
    in_body_ = false;
    if (!continuation_) grammar_.passed();
  }
  return at + taken;
}

FramerStep ResponseFramer::hold(Bytes input, std::size_t wanted) {
  held_.assign(input.begin(), input.end());
  wanted_ = wanted;
  return {FramerStep::Kind::held, input.size()};
}

// Adds to the held start of a packet what it takes to judge it, and all of it if it must be looked at.
FramerStep ResponseFramer::resume_held(Bytes input) {
  std::size_t used = 0;
  while (true) {
    const std::size_t taken = std::min(wanted_ - held_.size(), input.size() - used);
    const Bytes fresh = input.subspan(used, taken);
    held_.insert(held_.end(), fresh.begin(), fresh.end());
    used += taken;
    if (held_.size() < wanted_) return {FramerStep::Kind::held, used};
    const PacketHeader header = read_packet_header(held_);
    if (continuation_) return give_fragment(used);
    if (held_.size() < judged_size && header.length > 0) {
      wanted_ = judged_size;
      continue;
    }
    const PacketClass kind =
        grammar_.classify(header.length, header.length > 0 ? held_[packet_header_size] : std::uint8_t{0});
    if (kind == PacketClass::pass) return give_fragment(used);
    if (kind == PacketClass::malformed || header.length > inspected_packet_max) return malformed();
    wanted_ = packet_header_size + header.length;
    if (held_.size() < wanted_) continue;
    if (kind == PacketClass::inspect) return give_packet(held_, used, false);
    if (!grammar_.take_column_count(Bytes(held_).subspan(packet_header_size))) return malformed();
    return give_held(used);
  }
}

FramerStep ResponseFramer::give_packet(Bytes packet, std::size_t used, bool in_place) {
  next_sequence_ = static_cast<std::uint8_t>(read_packet_header(packet).sequence + 1);
  if (!grammar_.take_inspected(packet.subspan(packet_header_size))) return malformed();
  wanted_ = 0;
  packet_ = packet;
  in_place_ = in_place;
  role_ = grammar_.role();
  after_columns_ = grammar_.after_columns();
  done_ = grammar_.done();
  return {FramerStep::Kind::packet, used};
}

// Gives the held start of a packet that passes.
FramerStep ResponseFramer::give_fragment(std::size_t used) {
  begin_body(read_packet_header(held_).length, static_cast<std::uint32_t>(held_.size() - packet_header_size));
  skip_body({}, 0);
  return give_held(used);
}

FramerStep ResponseFramer::give_held(std::size_t used) {
  next_sequence_ = static_cast<std::uint8_t>(read_packet_header(held_).sequence + 1);
  wanted_ = 0;
  packet_ = held_;
  in_place_ = false;
  role_ = PacketRole::fragment;
  done_ = grammar_.done();
  return {FramerStep::Kind::packet, used};
}

FramerStep ResponseFramer::malformed() {
  broken_ = true;
  return {FramerStep::Kind::malformed, 0};
}

}  // namespace sluice::protocol
