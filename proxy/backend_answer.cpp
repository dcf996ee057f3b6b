// Backend: carrying the answer to a session's statement, byte for byte unless its form differs for the client.
#include <cassert>

#include "protocol/packet.hpp"
#include "proxy/backend.hpp"

namespace sluice::proxy {

using protocol::ByteBuffer;
using protocol::Bytes;
using protocol::FramerStep;
using protocol::PacketRole;
using protocol::ResponseShape;
namespace cap = protocol::cap;

void Backend::begin_answer(ResponseShape shape, StatementTextPtr statement) {
  assert(ready_ && own_.empty() && !answering_ && user_ != nullptr);
  const protocol::StatusFlags status_before = answer_.status;
  answer_ = Answer{};
  answer_.status = status_before;
  preparing_ = std::move(statement);
  answering_ = true;
  row_counts_gone = false;
  framer_.start(shape, negotiated_);
  const auto client = user_->client_capabilities();
  if (((client ^ negotiated_) & cap::deprecate_eof) != 0) {
    if (translator_ == nullptr) translator_ = std::make_unique<protocol::ResponseTranslator>();
    translator_->start(shape, negotiated_, client, answer_.status, user_->tracks_state_changes());
    translating_ = true;
  } else {
    translating_ = false;
  }
}

void Backend::send(io::Slice bytes) {
  statement_sent_ = true;
  channel_.send(std::move(bytes));
}

void Backend::send_copy(Bytes bytes) {
  statement_sent_ = true;
  channel_.send_copy(bytes);
}

void Backend::answer_bytes(io::Slice& bytes) {
  if (translating_) return answer_bytes_translated(bytes);
  std::size_t run = 0;  // bytes at the front that can be handed on as they are
  while (run < bytes.size() && !framer_.done()) {
    const auto step = framer_.next(bytes.bytes().subspan(run));
    if (step.kind == FramerStep::Kind::malformed) return broken("the server broke the protocol");
    const bool packet = step.kind == FramerStep::Kind::packet;
    const bool in_place = packet && framer_.packet_in_place();
    ByteBuffer rewritten;
    if (packet) {
      note_packet(framer_.role(), framer_.payload());
      if (framer_.role() == PacketRole::error && withhold_error()) {
        bytes.drop_front(run + step.bytes);  // with the definitions before it
        run = 0;
        continue;
      }
      rewritten = rewritten_packet(in_place ? bytes.data() + run : nullptr);
    }
    if (step.kind == FramerStep::Kind::relay || (in_place && rewritten.empty())) {
      run += step.bytes;
      continue;
    }
    // A packet in another form, or the start of one that the framer keeps until it knows what it is.
    if (run > 0) hand_on(bytes.split_front(run));
    run = 0;
    bytes.drop_front(step.bytes);
    if (packet) hand_on_copy(rewritten.empty() ? framer_.packet() : Bytes(rewritten));
  }
  if (run > 0) hand_on(bytes.split_front(run));
  if (framer_.done()) answer_over(bytes);
}

void Backend::answer_bytes_translated(io::Slice& bytes) {
  ByteBuffer out;
  while (!bytes.empty() && !translator_->done()) {
    const auto step = translator_->feed(bytes.bytes(), out);
    if (step.kind == protocol::TranslatorStep::Kind::malformed) return broken("the server broke the protocol");
    bytes.drop_front(step.bytes);
    if (step.kind != protocol::TranslatorStep::Kind::packet) continue;
    note_packet(translator_->role(), translator_->payload());
    if (translator_->role() == PacketRole::error && withhold_error()) out.clear();
    if (translator_->role() == PacketRole::prepare_ok && user_ != nullptr) {
      put_statement_id(out.data(), user_->client_statement_id());  // it is the first packet of its answer
    }
  }
  hand_on_copy(out);
  if (translator_->done()) answer_over(bytes);
}

// What comes after the end of an answer must never be taken for the next one, which may be another session's.
void Backend::answer_over(io::Slice& rest) {
  const bool more = !rest.empty();
  const std::string why = more ? unasked_text(rest) : std::string();
  rest = {};
  if (more) tainted = true;
  finish_answer();
  if (more && channel_.is_open()) broken(why);
}

void Backend::note_packet(PacketRole role, Bytes payload) {
  switch (role) {
    case PacketRole::ok:
      if (const auto ok = protocol::parse_ok(payload, negotiated_)) note_ok(*ok);
      if (payload[0] == 0xfe) answer_.rows = true;
      break;
    case PacketRole::eof:
      if (const auto eof = protocol::parse_eof(payload)) {
        answer_.status = eof->status;
        answer_.status_seen = true;
        answer_.rows = true;
        note_warnings(eof->warnings);
        // What it was, a classic EOF does not say.
        if ((eof->status & protocol::status::session_state_changed) != 0) answer_.state_changed = true;
      }
      break;
    case PacketRole::error:
      answer_.error = true;
      error_payload_.assign(payload.begin(), payload.end());
      if (const auto err = protocol::parse_err(payload)) answer_.error_code = err->code;
      break;
    case PacketRole::prepare_ok:
      if (const auto ok = protocol::parse_prepare_ok(payload)) {
        answer_.prepared = *ok;
        note_warnings(ok->warnings);
        if (preparing_ != nullptr) remember_statement(preparing_, ok->statement_id);
      }
      break;
    case PacketRole::fragment:
    case PacketRole::local_infile:
      break;
  }
}

void Backend::note_warnings(std::uint16_t count) {
  answer_.warnings = count;
  answer_.warned = answer_.warned || count != 0;
}

bool Backend::withhold_error() {
  answer_.withheld = !answer_.started && user_ != nullptr && user_->withholds(*this);
  return answer_.withheld;
}

void Backend::note_ok(const protocol::OkPacket& ok) {
  answer_.status = ok.status;
  answer_.status_seen = true;
  note_warnings(ok.warnings);
  if (ok.last_insert_id != 0) answer_.last_insert_id = ok.last_insert_id;
  if (ok.session_state.empty()) return;
  const auto track = protocol::parse_session_state(ok.session_state);
  if (track && track->schema) state.schema = *track->schema;
  answer_.state_changed = answer_.state_changed || !track || track->state_changed;
}

ByteBuffer Backend::rewritten_packet(std::uint8_t* in_place) {
  ByteBuffer out;
  if (framer_.role() == PacketRole::prepare_ok) {
    // Only the id changes: put it in where the packet lies, or into a copy.
    const std::uint32_t id = user_ != nullptr ? user_->client_statement_id() : 0;
    std::uint8_t* packet = in_place;
    if (packet == nullptr) {
      out.assign(framer_.packet().begin(), framer_.packet().end());
      packet = out.data();
    }
    put_statement_id(packet, id);
    return out;
  }
  if (framer_.role() != PacketRole::ok || user_ == nullptr) return out;
  const auto client = user_->client_capabilities();
  const bool same = protocol::has(client, cap::session_track) == protocol::has(negotiated_, cap::session_track);
  const bool asked = !protocol::has(client, cap::session_track) || user_->tracks_state_changes();
  if (same && (asked || !answer_.state_changed)) return out;
  auto ok = protocol::parse_ok(framer_.payload(), negotiated_);
  if (!ok || (ok->session_state.empty() && (same || ok->info.empty()))) return out;
  const ByteBuffer told = protocol::without_state_changes(ok->session_state);
  if (same && told.size() == ok->session_state.size()) return out;
  ok->session_state = told;
  ByteBuffer payload;
  protocol::append_ok(payload, *ok, client, framer_.payload()[0]);
  protocol::append_packet(out, framer_.packet()[3], payload);
  return out;
}

void Backend::put_statement_id(std::uint8_t* packet, std::uint32_t id) {
  std::uint8_t* at = packet + protocol::packet_header_size + 1;
  for (int i = 0; i < 4; ++i) at[i] = static_cast<std::uint8_t>(id >> (8 * i));
}

void Backend::hand_on(io::Slice bytes) {
  answer_.started = true;
  if (user_ != nullptr) user_->on_answer(*this, std::move(bytes));
}

void Backend::hand_on_copy(Bytes bytes) {
  while (!bytes.empty() && channel_.is_open()) {
    const std::size_t n = std::min<std::size_t>(bytes.size(), 8 * 1024);
    io::Slice slice = loop_.allocate(n);
    if (slice.empty()) return broken("out of network buffers (limits.worker_memory_max)");
    std::copy_n(bytes.data(), n, slice.data());
    hand_on(std::move(slice));
    bytes = bytes.subspan(n);
  }
}

void Backend::finish_answer() {
  answering_ = false;
  statement_sent_ = false;
  preparing_.reset();
  answer_.cursor = translating_ ? translator_->cursor_open() : framer_.cursor_open();
  if (user_ != nullptr) user_->on_answered(*this);
}

}  // namespace sluice::proxy
