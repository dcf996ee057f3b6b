// Turns a server's answer into what a client with other capabilities expects. Sessions that share a backend don't all
// negotiate the same: here the differences in DEPRECATE_EOF and SESSION_TRACK are made up for.
//   EOF after definitions   added where only the server has DEPRECATE_EOF, dropped where only the client has it
//   the end of rows         EOF becomes OK (type byte 0xfe) and the other way round
//   OK                      loses its session state where the client doesn't track
//   sequence numbers        follow from the packets added and dropped
// Rows and definitions stream through: besides an OK, EOF or ERR that a chunk cut, nothing is kept, and `out` grows by
// the input's length and a few bytes for each packet added.
// Source: MySQL internals manual, "OK_Packet", "EOF_Packet", "COM_QUERY Response", "COM_STMT_PREPARE Response".
//
// Flow: `translator.start(shape, server_caps, client_caps)`; for each chunk that arrives:
//   while (!input.empty() && !translator.done()) {
//     TranslatorStep step = translator.feed(input, out);
//     packet: packet() is what the server said, before translation (out has the translation); more: it wants input
//     input = input.subspan(step.bytes);
//   }
//   and `out` goes to the client.
#pragma once

#include <cstddef>
#include <cstdint>

#include "protocol/answer_grammar.hpp"
#include "protocol/bytes.hpp"
#include "protocol/capabilities.hpp"
#include "protocol/response.hpp"
#include "protocol/status.hpp"

namespace sluice::protocol {

// Whether an answer made under `server` must be translated for `client`.
[[nodiscard]] constexpr bool needs_translation(Capabilities server, Capabilities client) {
  constexpr Capabilities compared = cap::deprecate_eof | cap::session_track;
  return ((server ^ client) & compared) != 0;
}

struct TranslatorStep {
  enum class Kind : std::uint8_t {
    more,       // the input was used up, or the answer is over
    packet,     // `bytes` bytes were used, up to the end of a packet that can be looked at
    malformed,  // the server broke the protocol: give the connection up, and what this step added to `out`
  };
  Kind kind = Kind::more;
  std::size_t bytes = 0;
};

class ResponseTranslator {
 public:
  // The longest OK, EOF or ERR packet that is translated; a longer one is malformed to us.
  static constexpr std::size_t inspected_packet_max = 1U << 20;

  // `flags`: the status that an EOF after column definitions tells, where the server has told none yet.
  // `tell_state_changes`: the client wants to hear that some state of its session has changed.
  void start(ResponseShape shape, Capabilities server, Capabilities client, StatusFlags flags = status::autocommit,
             bool tell_state_changes = true);

  // Uses some of `input` and appends its translation to `out`. Precondition: `input` isn't empty, started, not done.
  [[nodiscard]] TranslatorStep feed(Bytes input, ByteBuffer& out);

  [[nodiscard]] bool done() const { return grammar_.done(); }
  // Valid after a `packet` step until the next call: the server's packet, without its header. Kept inside.
  [[nodiscard]] Bytes payload() const { return payload_; }
  [[nodiscard]] PacketRole role() const { return grammar_.role(); }
  [[nodiscard]] bool after_columns() const { return grammar_.after_columns(); }
  [[nodiscard]] bool cursor_open() const { return grammar_.cursor_open(); }  // see AnswerGrammar
  // What is to be added to a server's sequence number to get the client's (modulo 256). A client that sends a file
  // (LOCAL INFILE) counts on from its own numbers: take this from them for the server.
  [[nodiscard]] std::uint8_t sequence_shift() const { return shift_; }

 private:
  [[nodiscard]] std::size_t take_head(Bytes input);
  [[nodiscard]] bool head_complete() const;
  [[nodiscard]] bool begin_body(ByteBuffer& out);
  [[nodiscard]] bool mistaken_for_end(std::uint32_t length, Bytes first) const;
  [[nodiscard]] std::size_t take_body(Bytes input, ByteBuffer& out);
  [[nodiscard]] bool end_body(ByteBuffer& out);
  void end_definitions(ByteBuffer& out);
  [[nodiscard]] bool translate(ByteBuffer& out);
  void translate_ok(const OkPacket& ok, ByteBuffer& out);
  void translate_eof(const EofPacket& eof, ByteBuffer& out);
  void pay_owed_eof(StatusFlags flags, ByteBuffer& out);
  void put_eof(ByteBuffer& out, const EofPacket& eof) const;
  void put_packet(ByteBuffer& out, Bytes payload) const;
  [[nodiscard]] TranslatorStep malformed(std::size_t used);

  enum class Body : std::uint8_t { none, passes, column_count, inspected };

  AnswerGrammar grammar_;
  ResponseShape shape_ = ResponseShape::query;
  Capabilities server_ = 0;
  Capabilities client_ = 0;
  StatusFlags flags_ = 0;  // the server's last word
  bool tell_state_changes_ = true;
  std::uint8_t shift_ = 0;

  ByteBuffer head_;   // of the packet being read: its header and first byte
  ByteBuffer whole_;  // the payload of a packet that must be looked at
  Bytes payload_;
  Body body_ = Body::none;       // which part of a packet is being read: none, its head
  std::uint32_t body_left_ = 0;  // bytes of the payload still to come
  bool continuation_ = false;    // the next header continues the packet before it
  bool owes_eof_ = false;        // columns have ended and the client is still to be told
  bool broken_ = false;
};

}  // namespace sluice::protocol
