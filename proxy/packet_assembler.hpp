// Puts whole packets together from received slices, for the connection phase, where every packet is small and must be
// read whole. A packet that lies in one slice is not copied.
//
// Flow: `while (auto packet = assembler.next(slice)) use(packet->payload);` until the slice is empty; `too_long()` says
// that the peer sent more than `payload_max`: close.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>

#include "protocol/bytes.hpp"
#include "protocol/packet.hpp"
#include "proxy/io/slice.hpp"

namespace sluice::proxy {

class PacketAssembler {
 public:
  explicit PacketAssembler(std::size_t payload_max) : payload_max_(payload_max) {}

  struct Packet {
    protocol::Bytes payload;  // valid until the next call, and while the slice it came from lives
    std::uint8_t sequence = 0;
  };

  // Takes the next whole packet off the front of `slice` (and of what was kept). nullopt: more bytes are needed (the
  // slice was taken in whole), or the packet is too long.
  [[nodiscard]] std::optional<Packet> next(io::Slice& slice);

  [[nodiscard]] bool too_long() const { return too_long_; }

 private:
  std::size_t payload_max_;
  protocol::ByteBuffer kept_;
  bool delivered_ = false;  // kept_ holds a packet that was handed out already
  bool too_long_ = false;
};

}  // namespace sluice::proxy
