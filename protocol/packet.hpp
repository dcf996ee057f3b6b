// Packet headers: three bytes of length, one of sequence. A payload of exactly 0xffffff bytes is continued by the next
// packet. Source: MySQL internals manual, "MySQL Packets".
#pragma once

#include <cassert>
#include <cstddef>
#include <cstdint>

#include "protocol/bytes.hpp"

namespace sluice::protocol {

constexpr std::size_t packet_header_size = 4;
constexpr std::uint32_t packet_payload_max = 0xffffff;

struct PacketHeader {
  std::uint32_t length = 0;  // bytes of payload in this packet
  std::uint8_t sequence = 0;

  [[nodiscard]] bool continued() const { return length == packet_payload_max; }
};

// Reads a header. `bytes` must hold at least `packet_header_size` bytes.
[[nodiscard]] inline PacketHeader read_packet_header(Bytes bytes) {
  assert(bytes.size() >= packet_header_size);
  const std::uint32_t length = bytes[0] | (std::uint32_t{bytes[1]} << 8) | (std::uint32_t{bytes[2]} << 16);
  return {length, bytes[3]};
}

inline void write_packet_header(MutableBytes bytes, PacketHeader header) {
  assert(bytes.size() >= packet_header_size && header.length <= packet_payload_max);
  bytes[0] = static_cast<std::uint8_t>(header.length);
  bytes[1] = static_cast<std::uint8_t>(header.length >> 8);
  bytes[2] = static_cast<std::uint8_t>(header.length >> 16);
  bytes[3] = header.sequence;
}

// Appends `payload` to `out` as one or more packets, the first numbered `sequence`. Splits at `packet_payload_max`;
// returns the sequence number that follows.
std::uint8_t append_packet(ByteBuffer& out, std::uint8_t sequence, Bytes payload);

}  // namespace sluice::protocol
