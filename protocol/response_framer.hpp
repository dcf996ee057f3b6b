// Follows a server's answer to one command by packet headers alone, wherever the bytes happen to be cut, to know where
// it ends and what its OK, EOF and ERR packets say. Rows and column definitions are never copied.
//
// Flow: `framer.start(shape, caps)`; then for each chunk that arrives:
//   while (!input.empty() && !framer.done()) {
//     FramerStep step = framer.next(input);
//     relay: pass the first step.bytes bytes of input on;  packet: look at framer.packet();  held: nothing to pass yet
//     input = input.subspan(step.bytes);
//   }
// What is left of the input after done() belongs to the next answer.
#pragma once

#include <cstddef>
#include <cstdint>

#include "protocol/bytes.hpp"
#include "protocol/capabilities.hpp"
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
};

enum class PacketRole : std::uint8_t {
  fragment,      // bytes that were held because a chunk ended inside a header: pass them on as they are
  ok,            // OK, also where it ends a resultset under DEPRECATE_EOF (type byte 0xfe)
  eof,           // a classic EOF; see `after_columns()`
  error,         // ERR
  prepare_ok,    // first packet of a prepare answer: carries the statement id
  local_infile,  // the server wants a file: the client must send it before the answer goes on
};

struct FramerStep {
  enum class Kind : std::uint8_t {
    relay,      // the first `bytes` bytes are part of the answer; pass them on untouched
    packet,     // `bytes` bytes were used and a whole packet stands in packet()
    held,       // `bytes` bytes were used and kept inside: more input is needed
    malformed,  // the server broke the protocol: give the connection up
  };
  Kind kind = Kind::held;
  std::size_t bytes = 0;
};

class ResponseFramer {
 public:
  // The longest OK, EOF or ERR packet that is looked into; a longer one is malformed to us.
  static constexpr std::size_t inspected_packet_max = 1U << 20;

  void start(ResponseShape shape, Capabilities negotiated);

  // Precondition: `input` is not empty, started, not done. Never reads outside `input`.
  [[nodiscard]] FramerStep next(Bytes input);

  // The whole answer has been seen (an ERR ends it too).
  [[nodiscard]] bool done() const { return done_; }
  // Nothing of the answer has been seen yet.
  [[nodiscard]] bool untouched() const { return untouched_; }

  // Valid after a `packet` step until the next call: header and payload. If `packet_in_place()`, it is exactly the
  // bytes that the step used; else it was put together inside the framer (it straddled chunks).
  [[nodiscard]] Bytes packet() const { return packet_; }
  [[nodiscard]] Bytes payload() const;  // packet() without its header; empty for `fragment`
  [[nodiscard]] bool packet_in_place() const { return in_place_; }
  [[nodiscard]] PacketRole role() const { return role_; }
  [[nodiscard]] bool after_columns() const { return after_columns_; }  // an EOF that ends column definitions, not rows
  // The sequence number that the next packet of the server should carry.
  [[nodiscard]] std::uint8_t next_sequence() const { return next_sequence_; }

 private:
  // The implementation's own state goes here.
  Bytes packet_;
  PacketRole role_ = PacketRole::fragment;
  bool in_place_ = false;
  bool after_columns_ = false;
  bool done_ = true;
  bool untouched_ = true;
  std::uint8_t next_sequence_ = 0;
};

}  // namespace sluice::protocol
