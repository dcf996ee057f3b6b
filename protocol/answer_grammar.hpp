// The order of packets in a server's answer: what each packet is, judged by its length and first byte and by what came
// before. It knows nothing of chunks and cuts; response_framer.hpp and response_translator.hpp feed it whole packets.
// Source: MySQL internals manual, "COM_QUERY Response", "COM_STMT_PREPARE Response", "COM_STMT_EXECUTE Response",
// "OK_Packet", "EOF_Packet"; MariaDB knowledge base, "Result Set Packets".
//
// Flow: `start`; for each packet (not for continuations of 0xffffff-byte packets) `classify`, and by its answer either
// `passed()` when the packet is over, or `take_column_count` / `take_inspected` with its whole payload.
#pragma once

#include <cstdint>

#include "protocol/bytes.hpp"
#include "protocol/capabilities.hpp"
#include "protocol/packet.hpp"
#include "protocol/status.hpp"

namespace sluice::protocol {

// What the answer to a command looks like.
enum class ResponseShape : std::uint8_t {
  ok_or_error,  // PING, INIT_DB, RESET_CONNECTION, STMT_RESET, SET_OPTION (EOF counts as OK), CHANGE_USER without
                // switch
  query,       // QUERY and STMT_EXECUTE: results one after another, each OK, ERR, a resultset or a LOCAL INFILE request
  prepare,     // STMT_PREPARE: prepare-OK, parameter definitions, column definitions
  rows,        // STMT_FETCH: rows, then EOF (or OK under DEPRECATE_EOF)
  field_list,  // FIELD_LIST: column definitions, then EOF (or OK under DEPRECATE_EOF)
  text,        // STATISTICS: one packet of text (or ERR)
  cursor,      // STMT_EXECUTE that asks for a cursor: as `query`, but the first resultset may end with its columns, and
               // its rows wait in the server for STMT_FETCH
};

enum class PacketRole : std::uint8_t {
  fragment,      // bytes that were held because a chunk ended inside a header: pass them on as they are
  ok,            // OK, also where it ends a resultset under DEPRECATE_EOF (type byte 0xfe)
  eof,           // a classic EOF; see `after_columns()`
  error,         // ERR
  prepare_ok,    // first packet of a prepare answer: carries the statement id
  local_infile,  // the server wants a file: the client must send it before the answer goes on
};

enum class PacketClass : std::uint8_t {
  pass,          // a row, a definition or text: its content doesn't matter
  column_count,  // must be taken whole, and is small
  inspect,       // must be taken whole; role() says what it is
  malformed,
};

class AnswerGrammar {
 public:
  // The server's own limit is 4096 columns; prepare answers count in 16 bits.
  static constexpr std::uint64_t columns_max = 0xffff;
  static constexpr std::uint32_t column_count_payload_max = 10;

  void start(ResponseShape shape, Capabilities negotiated);

  // Judges a packet by its header's length and its first byte (0 if it is empty). Repeatable: changes only role().
  [[nodiscard]] PacketClass classify(std::uint32_t length, std::uint8_t first);
  // False: malformed.
  [[nodiscard]] bool take_column_count(Bytes payload);
  [[nodiscard]] bool take_inspected(Bytes payload);
  void passed();

  [[nodiscard]] bool done() const { return state_ == State::done; }
  [[nodiscard]] bool in_rows() const { return state_ == State::rows; }
  // True for every first byte that can't be an end of rows: such packets pass in a state of rows.
  [[nodiscard]] static bool plain_row(std::uint32_t length, std::uint8_t first) {
    return first < 0xfe && length - 1 < packet_payload_max - 1;
  }
  [[nodiscard]] PacketRole role() const { return role_; }
  // Of a `cursor` or `rows` answer that is over: the server keeps a cursor open for the client. Only these can leave
  // one: in others a server sets the flag, too, after a routine or a block that read a cursor of its own.
  [[nodiscard]] bool cursor_open() const { return cursor_open_; }
  // Of the packet taken last: it was an EOF that ends column or parameter definitions.
  [[nodiscard]] bool after_columns() const { return after_columns_; }
  // How many blocks of definitions (parameters, columns) have ended so far: tells that one just did.
  [[nodiscard]] std::uint32_t definition_blocks() const { return definition_blocks_; }

 private:
  enum class State : std::uint8_t {
    first,        // the first packet of a result
    file_result,  // what the server says of the file that it was sent
    params,       // parameter definitions of a prepared statement
    params_end,   // their EOF
    columns,
    columns_end,
    rows,  // or, in a field list, column definitions: they end like rows
    text,
    done,
  };

  [[nodiscard]] PacketClass classify_first(std::uint32_t length, std::uint8_t first);
  [[nodiscard]] PacketClass inspect(PacketRole role);
  [[nodiscard]] bool ends_rows(std::uint32_t length, std::uint8_t first) const;
  [[nodiscard]] PacketRole end_role(std::uint32_t length) const;
  [[nodiscard]] bool take_eof(Bytes payload);
  [[nodiscard]] bool take_prepare_ok(Bytes payload);
  void begin_definitions(State state, std::uint32_t count);
  void definitions_ended();
  [[nodiscard]] bool several_results() const;
  [[nodiscard]] bool opens_cursor(StatusFlags flags) const;
  void result_ended(StatusFlags flags);
  void after_definitions_end(StatusFlags flags);

  Capabilities negotiated_ = 0;
  ResponseShape shape_ = ResponseShape::query;
  State state_ = State::done;
  PacketRole role_ = PacketRole::ok;
  bool after_columns_ = false;
  bool first_result_ = true;
  bool cursor_open_ = false;
  std::uint32_t definitions_left_ = 0;
  std::uint32_t columns_after_params_ = 0;
  std::uint32_t definition_blocks_ = 0;
};

}  // namespace sluice::protocol
