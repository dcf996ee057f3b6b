// Every parser of single packets on any bytes: what is read can be written, and reads the same again.
// Input: one byte picks the parser, one the capabilities; the rest is the payload.
#include <cstdint>
#include <cstdlib>

#include "protocol/handshake.hpp"
#include "protocol/response.hpp"
#include "protocol/statement.hpp"

namespace {

using namespace sluice::protocol;

void require(bool condition) {
  if (!condition) std::abort();
}

// Writing what was read, reading that and writing it again gives the same bytes.
template <class Parse, class Encode>
void round_trip(Bytes payload, const Parse& parse, const Encode& encode) {
  const auto first = parse(payload);
  if (!first) return;
  const ByteBuffer once = encode(*first);
  const auto second = parse(Bytes(once));
  require(second.has_value());
  require(encode(*second) == once);
}

void connection_packets(unsigned which, Bytes payload, Capabilities caps) {
  switch (which) {
    case 0:
      return round_trip(payload, parse_greeting, encode_greeting);
    case 1:
      return round_trip(payload, parse_ssl_request, encode_ssl_request);
    case 2:
      return round_trip(payload, parse_handshake_response, encode_handshake_response);
    case 3:
      return round_trip(payload, parse_auth_switch, encode_auth_switch);
    default:
      // The command byte is written but not read.
      round_trip(
          payload, [&](Bytes bytes) { return parse_change_user(bytes, caps); },
          [&](const ChangeUser& change) {
            const ByteBuffer with_command = encode_change_user(change, caps);
            return ByteBuffer(with_command.begin() + 1, with_command.end());
          });
  }
}

void answer_packets(unsigned which, Bytes payload, Capabilities caps) {
  switch (which) {
    case 0:
      round_trip(
          payload, [&](Bytes bytes) { return parse_ok(bytes, caps); },
          [&](const OkPacket& ok) {
            ByteBuffer out;
            append_ok(out, ok, caps);
            return out;
          });
      break;
    case 1:
      round_trip(payload, parse_err, [](const ErrPacket& err) {
        ByteBuffer out;
        append_err(out, err);
        return out;
      });
      break;
    case 2:
      static_cast<void>(parse_eof(payload));
      break;
    default:
      static_cast<void>(parse_session_state(payload));
  }
}

void statement_packets(Bytes payload, std::uint16_t params) {
  static_cast<void>(parse_prepare_ok(payload));
  const auto header = parse_execute(payload, params);
  if (!header) return;
  require(header->values_offset <= payload.size());
  if (params == 0 || header->types_bound) return;
  const ByteBuffer types(2 * std::size_t{params}, 0x0f);
  ByteBuffer out;
  append_execute_with_types(out, payload, *header, types);
  const auto again = parse_execute(out, params);
  require(again && again->types_bound && ByteBuffer(again->types.begin(), again->types.end()) == types);
  require(out.size() - again->values_offset == payload.size() - header->values_offset);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 2) return 0;
  const Bytes payload(data + 2, size - 2);
  Capabilities caps = cap::protocol_41;
  if ((data[1] & 1) != 0) caps |= cap::session_track;
  if ((data[1] & 2) != 0) caps |= cap::secure_connection;
  if ((data[1] & 4) != 0) caps |= cap::plugin_auth;
  if ((data[1] & 8) != 0) caps |= cap::connect_attrs;
  const unsigned which = data[0] % 10U;
  if (which < 5) connection_packets(which, payload, caps);
  if (which >= 5 && which < 9) answer_packets(which - 5, payload, caps);
  if (which == 9) statement_packets(payload, data[1]);
  return 0;
}
