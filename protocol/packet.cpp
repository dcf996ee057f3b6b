#include "protocol/packet.hpp"

#include <algorithm>
#include <array>

namespace sluice::protocol {

std::uint8_t append_packet(ByteBuffer& out, std::uint8_t sequence, Bytes payload) {
  while (true) {
    const std::size_t length = std::min<std::size_t>(payload.size(), packet_payload_max);
    std::array<std::uint8_t, packet_header_size> header{};
    write_packet_header(header, {static_cast<std::uint32_t>(length), sequence});
    out.insert(out.end(), header.begin(), header.end());
    out.insert(out.end(), payload.begin(), payload.begin() + static_cast<std::ptrdiff_t>(length));
    payload = payload.subspan(length);
    ++sequence;
    // A full packet says "more follows", so even a payload of an exact multiple needs an (empty) packet after it.
    if (length < packet_payload_max) return sequence;
  }
}

}  // namespace sluice::protocol
