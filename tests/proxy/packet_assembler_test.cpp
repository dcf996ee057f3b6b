#include "proxy/packet_assembler.hpp"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "proxy/slices.hpp"

namespace sluice::proxy {
namespace {

using protocol::ByteBuffer;
using protocol::Bytes;

constexpr std::size_t payload_max = 100;

std::vector<std::string> packets_of(PacketAssembler& assembler, Slices& slices, Bytes bytes) {
  std::vector<std::string> found;
  io::Slice slice = slices.of(bytes);
  while (const auto packet = assembler.next(slice)) {
    found.push_back(std::to_string(packet->sequence) + std::string(protocol::as_text(packet->payload)));
  }
  return found;
}

TEST(PacketAssembler, EveryCut) {
  ByteBuffer all;
  protocol::append_packet(all, 1, protocol::as_bytes("one"));
  protocol::append_packet(all, 2, {});
  protocol::append_packet(all, 3, protocol::as_bytes(std::string(payload_max, 'x')));
  const std::vector<std::string> expected = {"1one", "2", "3" + std::string(payload_max, 'x')};
  for (std::size_t cut = 0; cut <= all.size(); ++cut) {
    Slices slices;
    PacketAssembler assembler(payload_max);
    auto found = packets_of(assembler, slices, Bytes(all).first(cut));
    for (auto& more : packets_of(assembler, slices, Bytes(all).subspan(cut))) found.push_back(std::move(more));
    ASSERT_EQ(found, expected) << cut;
    ASSERT_FALSE(assembler.too_long());
  }
}

TEST(PacketAssembler, SingleBytes) {
  ByteBuffer all;
  protocol::append_packet(all, 1, protocol::as_bytes("one"));
  protocol::append_packet(all, 2, protocol::as_bytes("two"));
  Slices slices;
  PacketAssembler assembler(payload_max);
  std::vector<std::string> found;
  for (const std::uint8_t byte : all) {
    for (auto& more : packets_of(assembler, slices, Bytes(&byte, 1))) found.push_back(std::move(more));
  }
  EXPECT_EQ(found, (std::vector<std::string>{"1one", "2two"}));
}

TEST(PacketAssembler, TooLongIsKnownFromTheHeader) {
  for (const bool at_once : {true, false}) {
    Slices slices;
    PacketAssembler assembler(payload_max);
    const ByteBuffer header{payload_max + 1, 0, 0, 0};
    EXPECT_TRUE(packets_of(assembler, slices, Bytes(header).first(at_once ? 4 : 2)).empty());
    if (!at_once) {
      EXPECT_TRUE(packets_of(assembler, slices, Bytes(header).subspan(2)).empty());
    }
    EXPECT_TRUE(assembler.too_long());
    ByteBuffer more;
    protocol::append_packet(more, 0, protocol::as_bytes("x"));
    EXPECT_TRUE(packets_of(assembler, slices, more).empty());  // and it stays so
  }
}

}  // namespace
}  // namespace sluice::proxy
