#include "protocol/response.hpp"

#include "protocol/reader.hpp"
#include "protocol/writer.hpp"

namespace sluice::protocol {

namespace {

constexpr std::uint8_t ok_byte = 0x00;
constexpr std::uint8_t eof_byte = 0xfe;
constexpr std::uint8_t err_byte = 0xff;
constexpr std::size_t eof_payload_max = 8;  // longer payloads with 0xfe are something else
constexpr std::size_t sqlstate_size = 5;

// Entry types of the session state block (enum_session_state_type); MariaDB uses the same numbers.
enum class StateType : std::uint8_t {
  system_variables = 0,
  schema = 1,
  state_change = 2,
  gtids = 3,
  transaction_characteristics = 4,
  transaction_state = 5,
};

// The pages call the info text of a packet without session tracking "rest of packet"; the servers write it with a
// length in front, and there are peers that don't. Both are read: a length that spans the rest exactly is a length.
std::string_view read_untracked_info(Reader& in) {
  const Bytes rest = in.rest();
  Reader with_length(rest);
  const std::string_view text = with_length.lenenc_text();
  return with_length.ok() && with_length.at_end() ? text : as_text(rest);
}

void read_state_entry(StateType type, Bytes data, SessionTrack& track, bool& well_formed) {
  Reader in(data);
  switch (type) {
    case StateType::system_variables:
      while (in.ok() && !in.at_end()) {
        const std::string_view name = in.lenenc_text();
        const std::string_view value = in.lenenc_text();
        if (in.ok()) track.variables.push_back({name, value});
      }
      break;
    case StateType::schema:
      track.schema = in.lenenc_text();
      break;
    case StateType::state_change:  // one digit, without a length of its own
      track.state_changed = in.u8() == '1';
      break;
    case StateType::gtids:
      in.skip(1);  // the encoding: 0 (text) is the only one there is
      track.gtids = in.lenenc_text();
      break;
    case StateType::transaction_state:
      track.transaction_state = in.lenenc_text();
      break;
    case StateType::transaction_characteristics:
    default:
      break;  // types that we don't use, and those still to be invented
  }
  well_formed = well_formed && in.ok();
}

}  // namespace

std::optional<OkPacket> parse_ok(Bytes payload, Capabilities negotiated) {
  Reader in(payload);
  const std::uint8_t header = in.u8();
  if (header != ok_byte && header != eof_byte) return std::nullopt;
  OkPacket ok;
  ok.affected_rows = in.lenenc();
  ok.last_insert_id = in.lenenc();
  ok.status = in.u16();
  ok.warnings = in.u16();
  if (!in.ok()) return std::nullopt;
  if (in.at_end()) return ok;  // servers leave the info out where it's empty and nothing follows
  if (!has(negotiated, cap::session_track)) {
    ok.info = read_untracked_info(in);
    return ok;
  }
  ok.info = in.lenenc_text();
  if ((ok.status & status::session_state_changed) != 0) ok.session_state = in.lenenc_bytes();
  if (!in.ok()) return std::nullopt;
  return ok;
}

std::optional<SessionTrack> parse_session_state(Bytes session_state) {
  SessionTrack track;
  Reader in(session_state);
  bool well_formed = true;
  while (in.ok() && !in.at_end()) {
    const auto type = static_cast<StateType>(in.u8());
    const Bytes data = in.lenenc_bytes();
    if (in.ok()) read_state_entry(type, data, track, well_formed);
  }
  if (!in.ok() || !well_formed) return std::nullopt;
  return track;
}

ByteBuffer without_state_changes(Bytes session_state) {
  ByteBuffer out;
  Reader in(session_state);
  while (in.ok() && !in.at_end()) {
    const Bytes rest = session_state.last(in.left());
    const auto type = static_cast<StateType>(in.u8());
    static_cast<void>(in.lenenc_bytes());
    if (!in.ok() || type == StateType::state_change) continue;
    const Bytes entry = rest.first(rest.size() - in.left());
    out.insert(out.end(), entry.begin(), entry.end());
  }
  return out;
}

void append_ok(ByteBuffer& out, const OkPacket& ok, Capabilities negotiated, std::uint8_t header) {
  const bool with_state = has(negotiated, cap::session_track) && !ok.session_state.empty();
  auto flags = static_cast<StatusFlags>(ok.status & ~status::session_state_changed);
  if (with_state) flags |= status::session_state_changed;
  Writer writer(out);
  writer.u8(header).lenenc(ok.affected_rows).lenenc(ok.last_insert_id).u16(flags).u16(ok.warnings);
  if (with_state || !ok.info.empty()) writer.lenenc_text(ok.info);
  if (with_state) writer.lenenc_bytes(ok.session_state);
}

std::optional<ErrPacket> parse_err(Bytes payload) {
  Reader in(payload);
  if (in.u8() != err_byte) return std::nullopt;
  ErrPacket err;
  err.code = in.u16();
  if (!in.ok()) return std::nullopt;
  const std::string_view rest = as_text(in.rest());
  // Before a server knows its client ("Too many connections") it leaves the SQLSTATE out.
  if (!rest.starts_with('#')) {
    err.sqlstate = "HY000";
    err.message = rest;
    return err;
  }
  if (rest.size() < 1 + sqlstate_size) return std::nullopt;
  err.sqlstate = rest.substr(1, sqlstate_size);
  err.message = rest.substr(1 + sqlstate_size);
  return err;
}

void append_err(ByteBuffer& out, const ErrPacket& err) {
  Writer writer(out);
  writer.u8(err_byte).u16(err.code);
  if (!err.sqlstate.empty()) {
    writer.u8('#').text(err.sqlstate.size() == sqlstate_size ? err.sqlstate : std::string_view("HY000"));
  }
  writer.text(err.message);
}

std::optional<EofPacket> parse_eof(Bytes payload) {
  Reader in(payload);
  if (payload.size() > eof_payload_max || in.u8() != eof_byte) return std::nullopt;
  EofPacket eof;
  eof.warnings = in.u16();
  eof.status = in.u16();
  if (!in.ok()) return std::nullopt;
  return eof;
}

void append_eof(ByteBuffer& out, const EofPacket& eof) { Writer(out).u8(eof_byte).u16(eof.warnings).u16(eof.status); }

}  // namespace sluice::protocol
