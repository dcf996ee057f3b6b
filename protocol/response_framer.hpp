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

#include "protocol/answer_grammar.hpp"
#include "protocol/bytes.hpp"
#include "protocol/capabilities.hpp"

namespace sluice::protocol {

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
  [[nodiscard]] bool cursor_open() const { return grammar_.cursor_open(); }  // see AnswerGrammar
  [[nodiscard]] bool after_columns() const { return after_columns_; }  // an EOF that ends column definitions, not rows
  // The sequence number that the next packet of the server should carry.
  [[nodiscard]] std::uint8_t next_sequence() const { return next_sequence_; }

 private:
  [[nodiscard]] FramerStep run(Bytes input);
  [[nodiscard]] FramerStep meet_packet(Bytes input, std::size_t& at, bool& stop);
  [[nodiscard]] FramerStep resume_held(Bytes input);
  [[nodiscard]] FramerStep hold(Bytes input, std::size_t wanted);
  [[nodiscard]] FramerStep give_packet(Bytes packet, std::size_t used, bool in_place);
  [[nodiscard]] FramerStep give_fragment(std::size_t used);
  [[nodiscard]] FramerStep give_held(std::size_t used);
  [[nodiscard]] FramerStep malformed();
  std::size_t skip_rows(Bytes input, std::size_t at);
  std::size_t skip_body(Bytes input, std::size_t at);
  void begin_body(std::uint32_t length, std::uint32_t seen);

  AnswerGrammar grammar_;
  ByteBuffer held_;              // the start of a packet that a chunk cut, from its header on
  std::size_t wanted_ = 0;       // how long held_ must get before it can be judged; 0: nothing is held
  std::uint32_t body_left_ = 0;  // bytes of a passed packet's body still to come
  bool continuation_ = false;    // the next header continues the packet before it
  bool in_body_ = false;         // between a passed packet's header and its end
  bool broken_ = false;

  Bytes packet_;
  PacketRole role_ = PacketRole::fragment;
  bool in_place_ = false;
  bool after_columns_ = false;
  bool done_ = true;
  bool untouched_ = true;
  std::uint8_t next_sequence_ = 0;
};

}  // namespace sluice::protocol
