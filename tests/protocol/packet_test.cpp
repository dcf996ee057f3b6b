#include "protocol/packet.hpp"

#include <gtest/gtest.h>

#include "wire.hpp"

namespace sluice::protocol {
namespace {

TEST(Packet, HeaderRoundTrip) {
  ByteBuffer bytes(packet_header_size);
  write_packet_header(bytes, {0x030201, 0xfe});
  EXPECT_EQ(show(bytes), "01 02 03 fe");
  const PacketHeader header = read_packet_header(bytes);
  EXPECT_EQ(header.length, 0x030201U);
  EXPECT_EQ(header.sequence, 0xfe);
  EXPECT_FALSE(header.continued());
}

TEST(Packet, SmallPayloadIsOnePacket) {
  ByteBuffer out = hex("aa");
  EXPECT_EQ(append_packet(out, 255, hex("01 02")), 0);
  EXPECT_EQ(show(out), "aa 02 00 00 ff 01 02");
}

TEST(Packet, EmptyPayloadIsAnEmptyPacket) {
  ByteBuffer out;
  EXPECT_EQ(append_packet(out, 3, {}), 4);
  EXPECT_EQ(show(out), "00 00 00 03");
}

struct SplitCase {
  std::size_t size;
  std::vector<std::uint32_t> lengths;
};

TEST(Packet, SplitsAtTheLargestPayload) {
  const std::vector<SplitCase> cases = {
      {packet_payload_max - 1, {packet_payload_max - 1}},
      {packet_payload_max, {packet_payload_max, 0}},
      {packet_payload_max + 1, {packet_payload_max, 1}},
      {2 * std::size_t{packet_payload_max}, {packet_payload_max, packet_payload_max, 0}},
  };
  for (const SplitCase& c : cases) {
    const ByteBuffer payload(c.size, 0x5a);
    ByteBuffer out;
    const std::uint8_t next = append_packet(out, 7, payload);
    std::vector<std::uint32_t> lengths;
    Bytes rest(out);
    while (!rest.empty()) {
      const PacketHeader header = read_packet_header(rest);
      EXPECT_EQ(header.sequence, 7 + lengths.size());
      lengths.push_back(header.length);
      rest = rest.subspan(packet_header_size + header.length);
    }
    EXPECT_EQ(lengths, c.lengths);
    EXPECT_EQ(next, 7 + lengths.size());
  }
}

}  // namespace
}  // namespace sluice::protocol
