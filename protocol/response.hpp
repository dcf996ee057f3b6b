// OK, ERR and EOF packets: what a server says at the end of each result.
// Source: MySQL internals manual, "OK_Packet", "ERR_Packet", "EOF_Packet"; MariaDB knowledge base, same names.
//
// Flow: the result framer hands over a whole packet; `parse_ok` reads its payload; `encode_ok` writes one for a client
// whose capabilities differ.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "protocol/bytes.hpp"
#include "protocol/capabilities.hpp"
#include "protocol/status.hpp"

namespace sluice::protocol {

struct TrackedVariable {
  std::string_view name;
  std::string_view value;
};

// Session state changes that an OK packet reports. Views are borrowed from the packet.
struct SessionTrack {
  std::vector<TrackedVariable> variables;
  std::optional<std::string_view> schema;  // the new schema; empty text: none is selected any more
  std::optional<std::string_view> gtids;   // MySQL: SESSION_TRACK_GTIDS; MariaDB reports last_gtid as a variable
  std::optional<std::string_view> transaction_state;
  bool state_changed = false;
};

struct OkPacket {
  std::uint64_t affected_rows = 0;
  std::uint64_t last_insert_id = 0;
  StatusFlags status = 0;
  std::uint16_t warnings = 0;
  std::string_view info;  // borrowed
  Bytes session_state;    // raw session state block, borrowed; empty if none
};

// Payloads start at their type byte. nullopt: the packet is malformed.
[[nodiscard]] std::optional<OkPacket> parse_ok(Bytes payload, Capabilities negotiated);
[[nodiscard]] std::optional<SessionTrack> parse_session_state(Bytes session_state);
// The block without the entries that say that some state has changed: for a client that didn't ask to be told.
// Precondition: the block is well-formed.
[[nodiscard]] ByteBuffer without_state_changes(Bytes session_state);

// Appends the payload of an OK packet (type byte `header`: 0x00, or 0xfe where it ends a resultset under
// DEPRECATE_EOF). Session state is written only if `negotiated` has session_track; without it
// SERVER_SESSION_STATE_CHANGED is cleared.
void append_ok(ByteBuffer& out, const OkPacket& ok, Capabilities negotiated, std::uint8_t header = 0x00);

struct ErrPacket {
  std::uint16_t code = 0;
  std::string_view sqlstate;  // five characters; written empty: left out, as before a client is known
  std::string_view message;   // borrowed
};

[[nodiscard]] std::optional<ErrPacket> parse_err(Bytes payload);
void append_err(ByteBuffer& out, const ErrPacket& err);

struct EofPacket {
  std::uint16_t warnings = 0;
  StatusFlags status = 0;
};

[[nodiscard]] std::optional<EofPacket> parse_eof(Bytes payload);
void append_eof(ByteBuffer& out, const EofPacket& eof);

}  // namespace sluice::protocol
