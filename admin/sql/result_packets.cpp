#include "admin/sql/result_packets.hpp"

#include "protocol/packet.hpp"
#include "protocol/response.hpp"
#include "protocol/status.hpp"
#include "protocol/writer.hpp"

namespace sluice::admin {
namespace {

using protocol::ByteBuffer;
using protocol::Writer;

constexpr std::uint8_t type_longlong = 0x08;
constexpr std::uint8_t type_var_string = 0xfd;
constexpr std::uint16_t collation_binary = 63;
constexpr std::uint16_t collation_utf8mb4 = 45;

protocol::OkPacket plain_ok() {
  protocol::OkPacket ok;
  ok.status = protocol::status::autocommit;
  return ok;
}

ByteBuffer column_definition(std::string_view table, std::string_view name, bool integer) {
  constexpr std::uint32_t integer_width = 20;
  constexpr std::uint32_t text_width = 4096;
  constexpr std::uint16_t numeric_flag = 0x8000;
  ByteBuffer out;
  Writer w(out);
  w.lenenc_text("def").lenenc_text("sluice").lenenc_text(table).lenenc_text(table);
  w.lenenc_text(name).lenenc_text(name);
  w.lenenc(0x0c);  // length of the fixed fields that follow
  w.u16(integer ? collation_binary : collation_utf8mb4);
  w.u32(integer ? integer_width : text_width);
  w.u8(integer ? type_longlong : type_var_string);
  w.u16(integer ? numeric_flag : 0);
  w.u8(0);  // decimals
  w.zeros(2);
  return out;
}

}  // namespace

void PacketWriter::packet(protocol::Bytes payload) { sequence_ = protocol::append_packet(out_, sequence_, payload); }

void PacketWriter::ok() {
  ByteBuffer payload;
  protocol::append_ok(payload, plain_ok(), negotiated_);
  packet(payload);
}

void PacketWriter::end_of_rows() {
  ByteBuffer payload;
  if (protocol::has(negotiated_, protocol::cap::deprecate_eof)) {
    protocol::append_ok(payload, plain_ok(), negotiated_, 0xfe);
  } else {
    protocol::append_eof(payload, {0, protocol::status::autocommit});
  }
  packet(payload);
}

void PacketWriter::end_of_columns() {
  if (!protocol::has(negotiated_, protocol::cap::deprecate_eof)) end_of_rows();
}

void PacketWriter::error(const SqlError& error) {
  ByteBuffer payload;
  protocol::append_err(payload, {error.code, error.sqlstate, error.message});
  packet(payload);
}

void append_result(PacketWriter& out, const ResultSet& result) {
  ByteBuffer payload;
  Writer(payload).lenenc(result.columns.size());
  out.packet(payload);
  for (const ResultColumn& c : result.columns) out.packet(column_definition("", c.name, c.integer));
  out.end_of_columns();
  for (const auto& row : result.rows) {
    payload.clear();
    Writer w(payload);
    for (const auto& cell : row) {
      if (cell) {
        w.lenenc_text(*cell);
      } else {
        w.u8(0xfb);  // NULL
      }
    }
    out.packet(payload);
  }
  out.end_of_rows();
}

void append_field_list(PacketWriter& out, const AdminTable& table) {
  for (const Column& c : table.columns) {
    ByteBuffer definition = column_definition(table.name, c.name, c.type == ColumnType::integer);
    Writer(definition).u8(0xfb);  // no default value
    out.packet(definition);
  }
  out.end_of_rows();
}

}  // namespace sluice::admin
