#include "protocol/statement.hpp"

#include <cassert>

#include "protocol/command.hpp"
#include "protocol/reader.hpp"
#include "protocol/writer.hpp"

namespace sluice::protocol {

namespace {

constexpr std::uint8_t parameter_count_available = 0x08;
constexpr std::size_t id_offset = 1;

bool carries_statement_id(std::uint8_t command) {
  switch (static_cast<Command>(command)) {
    case Command::stmt_execute:
    case Command::stmt_bulk_execute:
    case Command::stmt_close:
    case Command::stmt_reset:
    case Command::stmt_fetch:
    case Command::stmt_send_long_data:
      return true;
    default:
      return false;
  }
}

}  // namespace

std::optional<PrepareOk> parse_prepare_ok(Bytes payload) {
  Reader in(payload);
  if (in.u8() != 0x00) return std::nullopt;
  PrepareOk ok;
  ok.statement_id = in.u32();
  ok.columns = in.u16();
  ok.params = in.u16();
  if (!in.ok()) return std::nullopt;
  if (in.at_end()) return ok;  // old servers end here
  in.skip(1);
  ok.warnings = in.u16();
  if (!in.ok()) return std::nullopt;
  return ok;
}

void append_prepare_ok(ByteBuffer& out, const PrepareOk& ok) {
  Writer(out).u8(0x00).u32(ok.statement_id).u16(ok.columns).u16(ok.params).u8(0).u16(ok.warnings);
}

std::optional<std::uint32_t> statement_id(Bytes payload) {
  Reader in(payload);
  const std::uint8_t command = in.u8();
  const std::uint32_t id = in.u32();
  if (!in.ok() || !carries_statement_id(command)) return std::nullopt;
  return id;
}

bool patch_statement_id(MutableBytes payload, std::uint32_t id) {
  if (!statement_id(payload)) return false;
  for (std::size_t i = 0; i < 4; ++i) payload[id_offset + i] = static_cast<std::uint8_t>(id >> (8 * i));
  return true;
}

std::optional<ExecuteHeader> parse_execute(Bytes payload_prefix, std::uint16_t param_count) {
  Reader in(payload_prefix);
  if (in.u8() != static_cast<std::uint8_t>(Command::stmt_execute)) return std::nullopt;
  ExecuteHeader header;
  header.statement_id = in.u32();
  header.flags = in.u8();
  header.iterations = in.u32();
  if (!in.ok() || (header.flags & parameter_count_available) != 0) return std::nullopt;
  header.null_bitmap_offset = payload_prefix.size() - in.left();
  header.values_offset = header.null_bitmap_offset;
  if (param_count == 0) return header;
  header.null_bitmap_size = (std::size_t{param_count} + 7) / 8;
  in.skip(header.null_bitmap_size);
  const std::uint8_t bound = in.u8();
  if (!in.ok() || bound > 1) return std::nullopt;
  header.types_bound = bound == 1;
  if (header.types_bound) header.types = in.bytes(2 * std::size_t{param_count});
  if (!in.ok()) return std::nullopt;
  header.values_offset = payload_prefix.size() - in.left();
  return header;
}

void append_execute_with_types(ByteBuffer& out, Bytes payload, const ExecuteHeader& header, Bytes types) {
  assert(!header.types_bound && header.null_bitmap_size == (types.size() / 2 + 7) / 8 && !types.empty());
  assert(header.values_offset <= payload.size());
  const std::size_t bitmap_end = header.null_bitmap_offset + header.null_bitmap_size;
  Writer(out).bytes(payload.first(bitmap_end)).u8(1).bytes(types).bytes(payload.subspan(header.values_offset));
}

}  // namespace sluice::protocol
