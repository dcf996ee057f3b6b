// Writes answers as packets of the text protocol.
// Source: MySQL internals manual, "COM_QUERY Response", "Protocol::ColumnDefinition41", "Text Resultset".
//
// Flow: `PacketWriter out(buffer, sequence, capabilities); append_result(out, result);`
#pragma once

#include <cstdint>

#include "admin/sql/engine.hpp"
#include "admin/sql/statement.hpp"
#include "admin/sql/tables.hpp"
#include "protocol/bytes.hpp"
#include "protocol/capabilities.hpp"

namespace sluice::admin {

// Numbers packets and appends them to a buffer.
class PacketWriter {
 public:
  PacketWriter(protocol::ByteBuffer& out, std::uint8_t sequence, protocol::Capabilities negotiated)
      : out_(out), sequence_(sequence), negotiated_(negotiated) {}

  void packet(protocol::Bytes payload);
  void ok();
  // OK or EOF where a resultset or field list ends, as negotiated.
  void end_of_rows();
  // EOF between columns and rows; nothing under DEPRECATE_EOF.
  void end_of_columns();
  void error(const SqlError& error);

 private:
  protocol::ByteBuffer& out_;
  std::uint8_t sequence_;
  protocol::Capabilities negotiated_;
};

void append_result(PacketWriter& out, const ResultSet& result);
// The answer to COM_FIELD_LIST.
void append_field_list(PacketWriter& out, const AdminTable& table);

}  // namespace sluice::admin
