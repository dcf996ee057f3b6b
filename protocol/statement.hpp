// The binary protocol's packets as far as a proxy must understand them: statement ids, prepare answers, and the
// parameter types of an execute (a client sends them once; a server that sees the statement for the first time needs
// them).
// Source: MySQL internals manual, "COM_STMT_PREPARE Response", "COM_STMT_EXECUTE"; MariaDB knowledge base,
// "COM_STMT_PREPARE", "COM_STMT_EXECUTE".
//
// Flow: `parse_prepare_ok` on the framer's prepare_ok packet; later `statement_id(payload)`, `patch_statement_id` in
// place; `parse_execute` on an execute, and `append_execute_with_types` where `!header->types_bound` and the server has
// never seen them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>

#include "protocol/bytes.hpp"

namespace sluice::protocol {

struct PrepareOk {
  std::uint32_t statement_id = 0;
  std::uint16_t columns = 0;
  std::uint16_t params = 0;
  std::uint16_t warnings = 0;
};

[[nodiscard]] std::optional<PrepareOk> parse_prepare_ok(Bytes payload);
void append_prepare_ok(ByteBuffer& out, const PrepareOk& ok);

// "The statement prepared last on this connection" (MariaDB's direct execution).
constexpr std::uint32_t last_prepared_statement = 0xffffffff;

// The id in STMT_EXECUTE, STMT_BULK_EXECUTE, STMT_CLOSE, STMT_RESET, STMT_FETCH or STMT_SEND_LONG_DATA; the payload
// starts at its command byte and may be cut after five bytes. nullopt: another command, or too short.
[[nodiscard]] std::optional<std::uint32_t> statement_id(Bytes payload);
// Puts another id there, in place. False: as above, nothing was changed.
bool patch_statement_id(MutableBytes payload, std::uint32_t id);

struct ExecuteHeader {
  std::uint32_t statement_id = 0;
  std::uint8_t flags = 0;  // cursor type; MySQL's parameter_count_available is refused (query_attributes isn't offered)
  std::uint32_t iterations = 0;
  std::size_t null_bitmap_offset = 0;  // in the payload; as values_offset if the statement has no parameters
  std::size_t null_bitmap_size = 0;
  bool types_bound = false;       // the "new params bound" flag: the type bytes are in this packet
  Bytes types;                    // borrowed: two bytes a parameter; empty if not bound
  std::size_t values_offset = 0;  // in the payload
};

// Reads the start of an STMT_EXECUTE payload, from its command byte; `payload_prefix` must reach the values, which are
// not looked at. `param_count` is the prepare answer's. nullopt: malformed, or cut before the values.
[[nodiscard]] std::optional<ExecuteHeader> parse_execute(Bytes payload_prefix, std::uint16_t param_count);
// How long a prefix `parse_execute` needs at most.
[[nodiscard]] constexpr std::size_t execute_prefix_max(std::uint16_t param_count) {
  return 10 + (std::size_t{param_count} + 7) / 8 + 1 + 2 * std::size_t{param_count};
}

// Appends the payload of `payload` (the execute that `header` was read from and that has parameters but no types, or as
// much of it as `header` took) with `types` put in. `types` must hold two bytes for each of the statement's parameters.
void append_execute_with_types(ByteBuffer& out, Bytes payload, const ExecuteHeader& header, Bytes types);

}  // namespace sluice::protocol
