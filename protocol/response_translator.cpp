#include "protocol/response_translator.hpp"

#include <algorithm>
#include <cassert>

#include "protocol/packet.hpp"

namespace sluice::protocol {

namespace {

constexpr std::uint8_t end_byte = 0xfe;

StatusFlags without(StatusFlags flags, StatusFlags removed) { return static_cast<StatusFlags>(flags & ~removed); }

}  // namespace

void ResponseTranslator::start(ResponseShape shape, Capabilities server, Capabilities client, StatusFlags flags,
                               bool tell_state_changes) {
  grammar_.start(shape, server);
  shape_ = shape;
  server_ = server;
  client_ = client;
  flags_ = flags;
  tell_state_changes_ = tell_state_changes;
  shift_ = 0;
  head_.clear();
  whole_.clear();
  payload_ = {};
  body_ = Body::none;
  body_left_ = 0;
  continuation_ = false;
  owes_eof_ = false;
  broken_ = false;
}

TranslatorStep ResponseTranslator::feed(Bytes input, ByteBuffer& out) {
  assert(!input.empty() && !done());
  payload_ = {};
  std::size_t used = 0;
  if (broken_) return malformed(used);
  while (used < input.size() && !done()) {
    if (body_ == Body::none) {
      used += take_head(input.subspan(used));
      if (!head_complete()) break;
      if (!begin_body(out)) return malformed(used);
    }
    used += take_body(input.subspan(used), out);
    if (body_left_ > 0) break;
    const bool inspected = body_ == Body::inspected;
    if (!end_body(out)) return malformed(used);
    if (inspected) return {TranslatorStep::Kind::packet, used};
  }
  return {TranslatorStep::Kind::more, used};
}

TranslatorStep ResponseTranslator::malformed(std::size_t used) {
  broken_ = true;
  return {TranslatorStep::Kind::malformed, used};
}

// A header, and the first byte after it unless there is none or it says nothing.
bool ResponseTranslator::head_complete() const {
  if (head_.size() < packet_header_size) return false;
  return head_.size() > packet_header_size || continuation_ || read_packet_header(head_).length == 0;
}

std::size_t ResponseTranslator::take_head(Bytes input) {
  std::size_t used = 0;
  while (used < input.size() && !head_complete()) head_.push_back(input[used++]);
  return used;
}

bool ResponseTranslator::begin_body(ByteBuffer& out) {
  const PacketHeader header = read_packet_header(head_);
  const Bytes first = Bytes(head_).subspan(packet_header_size);
  body_left_ = static_cast<std::uint32_t>(header.length - first.size());
  const PacketClass kind =
      continuation_ ? PacketClass::pass : grammar_.classify(header.length, first.empty() ? std::uint8_t{0} : first[0]);
  switch (kind) {
    case PacketClass::malformed:
      return false;
    case PacketClass::pass: {
      if (!continuation_ && mistaken_for_end(header.length, first)) return false;
      if (owes_eof_) pay_owed_eof(flags_, out);
      body_ = Body::passes;
      const std::size_t at = out.size();
      out.insert(out.end(), head_.begin(), head_.end());
      out[at + 3] = static_cast<std::uint8_t>(header.sequence + shift_);
      continuation_ = header.continued();
      return true;
    }
    case PacketClass::column_count:
    case PacketClass::inspect:
      if (header.length > inspected_packet_max) return false;
      body_ = kind == PacketClass::inspect ? Body::inspected : Body::column_count;
      whole_.assign(first.begin(), first.end());
      return true;
  }
  return false;
}

// A row that a client with DEPRECATE_EOF would take for the end. Only a length written longer than it need be starts
// like that, which no server does.
bool ResponseTranslator::mistaken_for_end(std::uint32_t length, Bytes first) const {
  return grammar_.in_rows() && has(client_, cap::deprecate_eof) && !first.empty() && first[0] == end_byte &&
         length < packet_payload_max;
}

std::size_t ResponseTranslator::take_body(Bytes input, ByteBuffer& out) {
  const Bytes taken = input.first(std::min<std::size_t>(body_left_, input.size()));
  ByteBuffer& to = body_ == Body::passes ? out : whole_;
  to.insert(to.end(), taken.begin(), taken.end());
  body_left_ -= static_cast<std::uint32_t>(taken.size());
  return taken.size();
}

bool ResponseTranslator::end_body(ByteBuffer& out) {
  const std::uint32_t blocks = grammar_.definition_blocks();
  bool well_formed = true;
  switch (body_) {
    case Body::passes:
      if (!continuation_) grammar_.passed();
      break;
    case Body::column_count:
      well_formed = grammar_.take_column_count(whole_);
      put_packet(out, whole_);
      break;
    case Body::inspected:
      payload_ = whole_;
      well_formed = translate(out);
      break;
    case Body::none:
      break;
  }
  if (well_formed && grammar_.definition_blocks() != blocks) end_definitions(out);
  head_.clear();
  body_ = Body::none;
  return well_formed;
}

// Definitions ended with the packet in hand. A statement's end there; a resultset's may be the end of the answer, too
// (an open cursor), which only the next packet tells.
void ResponseTranslator::end_definitions(ByteBuffer& out) {
  if (!has(server_, cap::deprecate_eof) || has(client_, cap::deprecate_eof)) return;
  if (shape_ != ResponseShape::prepare) {
    owes_eof_ = true;
    return;
  }
  ++shift_;
  put_eof(out, {0, without(flags_, status::of_one_result)});
}

void ResponseTranslator::pay_owed_eof(StatusFlags flags, ByteBuffer& out) {
  put_eof(out, {0, without(flags, status::of_one_result)});
  ++shift_;
  owes_eof_ = false;
}

bool ResponseTranslator::translate(ByteBuffer& out) {
  if (!grammar_.take_inspected(payload_)) return false;
  switch (grammar_.role()) {
    case PacketRole::ok: {
      const auto ok = parse_ok(payload_, server_);
      if (!ok) return false;
      translate_ok(*ok, out);
      return true;
    }
    case PacketRole::eof: {
      const auto eof = parse_eof(payload_);
      if (!eof) return false;
      if (has(server_ & client_, cap::deprecate_eof)) {
        put_packet(out, payload_);  // the few commands that some servers answer so whatever was negotiated
      } else {
        translate_eof(*eof, out);
      }
      return true;
    }
    case PacketRole::error:  // may stand where the client waits for an EOF
    case PacketRole::prepare_ok:
    case PacketRole::local_infile:
    case PacketRole::fragment:
      put_packet(out, payload_);
      return true;
  }
  return false;
}

void ResponseTranslator::translate_ok(const OkPacket& ok, ByteBuffer& out) {
  flags_ = ok.status;
  const std::uint8_t header = payload_[0];
  if (header == end_byte && !has(client_, cap::deprecate_eof)) {
    translate_eof({ok.warnings, without(ok.status, status::session_state_changed)}, out);
    return;
  }
  OkPacket told = ok;
  const ByteBuffer state = tell_state_changes_ ? ByteBuffer() : without_state_changes(ok.session_state);
  if (!tell_state_changes_) told.session_state = state;
  ByteBuffer payload;
  append_ok(payload, told, client_, header);
  put_packet(out, payload);
}

void ResponseTranslator::translate_eof(const EofPacket& eof, ByteBuffer& out) {
  flags_ = eof.status;
  // An open cursor: the one EOF ends both the definitions and the answer.
  const bool cursor = shape_ == ResponseShape::cursor && grammar_.cursor_open();
  if (!has(client_, cap::deprecate_eof)) {
    if (owes_eof_ && !cursor) pay_owed_eof(eof.status, out);
    owes_eof_ = false;
    put_eof(out, eof);
    return;
  }
  if (grammar_.after_columns() && !cursor) {
    --shift_;
    return;
  }
  OkPacket end;
  end.status = eof.status;
  end.warnings = eof.warnings;
  ByteBuffer payload;
  append_ok(payload, end, client_, end_byte);
  put_packet(out, payload);
}

void ResponseTranslator::put_eof(ByteBuffer& out, const EofPacket& eof) const {
  ByteBuffer payload;
  append_eof(payload, eof);
  put_packet(out, payload);
}

// A packet that takes the place of the one being read.
void ResponseTranslator::put_packet(ByteBuffer& out, Bytes payload) const {
  append_packet(out, static_cast<std::uint8_t>(read_packet_header(head_).sequence + shift_), payload);
}

}  // namespace sluice::protocol
