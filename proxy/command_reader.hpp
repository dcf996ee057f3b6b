// Cuts the stream of a client's bytes into commands. An ordinary command lies whole in one received slice and is handed
// on as it is; one that came in pieces is put together; one too long to be looked into is handed on by its head, and
// its body is then streamed.
//
// Flow: `push(slice)`; `front(inspect_max)` tells what is there; `take_whole()` or `take_head()` + `take_body()`.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>

#include "protocol/bytes.hpp"
#include "protocol/packet.hpp"
#include "proxy/io/slice.hpp"

namespace sluice::proxy {

// One command packet (header and payload), or the head of a long one: in one slice, or in memory of its own.
class ClientCommand {
 public:
  ClientCommand() = default;
  explicit ClientCommand(io::Slice slice) : slice_(std::move(slice)) {}
  explicit ClientCommand(protocol::ByteBuffer flat) : flat_(std::move(flat)) {}

  [[nodiscard]] protocol::Bytes packet() const { return slice_.empty() ? protocol::Bytes(flat_) : slice_.bytes(); }
  [[nodiscard]] protocol::Bytes payload() const { return packet().subspan(protocol::packet_header_size); }
  [[nodiscard]] protocol::MutableBytes mutable_payload();
  [[nodiscard]] bool empty() const { return slice_.empty() && flat_.empty(); }
  // The slice that holds it; empty if it lies in memory of its own.
  [[nodiscard]] const io::Slice& slice() const { return slice_; }
  void clear() {
    slice_ = {};
    flat_ = {};
  }
  // Gives a mostly empty network block back, before a wait.
  void move_to_own_memory();

 private:
  io::Slice slice_;
  protocol::ByteBuffer flat_;
};

// Holds at most one network block; what comes while that is not used up is copied, so that a client that dribbles
// single bytes can't tie up a block for each.
class CommandReader {
 public:
  enum class Front : std::uint8_t { incomplete, whole, long_head };

  void push(io::Slice slice);
  [[nodiscard]] std::size_t buffered() const { return fresh_.size() + kept_size(); }
  // Memory held besides the one block.
  [[nodiscard]] std::size_t memory() const { return kept_.capacity(); }

  [[nodiscard]] Front front(std::size_t inspect_max) const;
  // Sequence number of the front command's first packet; 0 if its header is not here yet.
  [[nodiscard]] std::uint8_t sequence() const;

  // Its first byte; 0 if that is not here yet, or there is none.
  [[nodiscard]] std::uint8_t front_command() const;

  // Precondition: front() is `whole`.
  [[nodiscard]] ClientCommand take_whole();
  // Precondition: front() is `long_head`: the first packet's header and inspect_max bytes of payload (or all of
  // a packet that is continued by another). From here on
  // `take_body` gives the rest, piece by piece, until `in_body` is false.
  [[nodiscard]] ClientCommand take_head(std::size_t inspect_max);

  struct Piece {  // one of the two is empty
    io::Slice slice;
    protocol::ByteBuffer copied;
    [[nodiscard]] bool empty() const { return slice.empty() && copied.empty(); }
  };
  // Empty: more must be received.
  [[nodiscard]] Piece take_body();
  [[nodiscard]] bool in_body() const { return in_body_; }
  // Length of the long command as far as its packets' headers have told it.
  [[nodiscard]] std::size_t long_size() const { return long_size_; }
  // The sequence number of what answers the long command: it counts on from the packets taken.
  [[nodiscard]] std::uint8_t next_sequence() const { return static_cast<std::uint8_t>(last_sequence_ + 1); }

 private:
  [[nodiscard]] std::size_t kept_size() const { return kept_.size() - kept_begin_; }
  [[nodiscard]] std::optional<protocol::PacketHeader> header() const;
  [[nodiscard]] protocol::ByteBuffer take_flat(std::size_t n);

  io::Slice fresh_;  // older than what is in kept_
  protocol::ByteBuffer kept_;
  std::size_t kept_begin_ = 0;  // what lies before was taken already
  // Where we are in a long command: bytes left of the current packet, and whether another one continues it.
  bool in_body_ = false;
  std::size_t body_left_ = 0;
  std::size_t long_size_ = 0;
  bool body_continues_ = false;
  std::uint8_t last_sequence_ = 0;
};

}  // namespace sluice::proxy
