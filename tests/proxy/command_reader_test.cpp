#include "proxy/command_reader.hpp"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "proxy/slices.hpp"
#include "support/sizes.hpp"

namespace sluice::proxy {
namespace {

using protocol::ByteBuffer;
using protocol::Bytes;
using Front = CommandReader::Front;

constexpr std::size_t inspect_max = 1024;

ByteBuffer command(std::size_t size, char fill = 'a', std::uint8_t sequence = 0) {
  ByteBuffer payload(size, static_cast<std::uint8_t>(fill));
  ByteBuffer out;
  protocol::append_packet(out, sequence, payload);
  return out;
}

class CommandReaderTest : public testing::Test {
 protected:
  // Everything that can be taken now, each command as "<length><fill>" of its whole packets.
  void take_all() {
    while (true) {
      if (reader.in_body()) {
        const auto piece = reader.take_body();
        if (piece.empty()) return;
        const Bytes bytes = piece.slice.empty() ? Bytes(piece.copied) : piece.slice.bytes();
        streamed.insert(streamed.end(), bytes.begin(), bytes.end());
        if (!reader.in_body()) commands.push_back(std::move(streamed));
        continue;
      }
      const auto front = reader.front(inspect_max);
      if (front == Front::incomplete) return;
      if (front == Front::whole) {
        const ClientCommand taken = reader.take_whole();
        commands.emplace_back(taken.packet().begin(), taken.packet().end());
        continue;
      }
      const ClientCommand head = reader.take_head(inspect_max);
      EXPECT_LE(head.packet().size(), inspect_max + protocol::packet_header_size);
      streamed.assign(head.packet().begin(), head.packet().end());
    }
  }

  void push(Bytes bytes) {
    reader.push(slices.of(bytes));
    take_all();
  }

  Slices slices;
  CommandReader reader;
  ByteBuffer streamed;
  std::vector<ByteBuffer> commands;
};

TEST_F(CommandReaderTest, EveryCutOfThreeCommands) {
  const std::vector<ByteBuffer> sent = {command(1, 'q'), command(300, 'b'), command(inspect_max + 5, 'c')};
  ByteBuffer all;
  for (const auto& one : sent) all.insert(all.end(), one.begin(), one.end());
  for (std::size_t cut = 0; cut <= all.size(); ++cut) {
    reader = {};
    commands.clear();
    push(Bytes(all).first(cut));
    push(Bytes(all).subspan(cut));
    ASSERT_EQ(commands, sent) << cut;
    ASSERT_EQ(reader.buffered(), 0U);
  }
  EXPECT_EQ(slices.held(), 0U);
}

TEST_F(CommandReaderTest, SingleBytesHoldOneBlock) {
  const ByteBuffer sent = command(700, 'x');
  for (std::size_t i = 0; i < sent.size(); ++i) {
    push(Bytes(sent).subspan(i, 1));
    ASSERT_LE(slices.held(), 1U);
  }
  EXPECT_EQ(commands, (std::vector<ByteBuffer>{sent}));
  EXPECT_EQ(slices.held(), 0U);
}

TEST_F(CommandReaderTest, AWholeCommandInOneSliceIsNotCopied) {
  const ByteBuffer sent = command(100);
  io::Slice slice = slices.of(sent);
  const auto* where = slice.data();
  reader.push(std::move(slice));
  ASSERT_EQ(reader.front(inspect_max), Front::whole);
  const ClientCommand taken = reader.take_whole();
  EXPECT_EQ(taken.packet().data(), where);
}

TEST_F(CommandReaderTest, SequenceNumbersAreTold) {
  const ByteBuffer sent = command(3, 'a', 7);
  reader.push(slices.of(Bytes(sent).first(3)));
  EXPECT_EQ(reader.sequence(), 0);
  reader.push(slices.of(Bytes(sent).subspan(3)));
  EXPECT_EQ(reader.sequence(), 7);
}

// A client that is always half a command ahead: what was taken must not stay.
TEST_F(CommandReaderTest, AnEndlessPipelineTakesNoMoreMemory) {
  const ByteBuffer one = command(500);
  push(Bytes(one).first(250));
  for (int i = 0; i < 2000; ++i) {
    ByteBuffer next(one.begin() + 250, one.end());
    next.insert(next.end(), one.begin(), one.begin() + 250);
    push(next);
    ASSERT_LE(reader.memory(), 8U * 1024) << i;
  }
  EXPECT_EQ(commands.size(), 2000U);
}

TEST_F(CommandReaderTest, CommandsAroundSixteenMegabytes) {
  constexpr std::size_t max = protocol::packet_payload_max;
  const auto sizes =
      test::sized<std::vector<std::size_t>>({max - 1, max, max + 1, 2 * max, 2 * max + 3}, {max, max + 1});
  for (const std::size_t size : sizes) {
    const ByteBuffer sent = command(size, 'z');
    const ByteBuffer after = command(2, 'n');
    ByteBuffer all = sent;
    all.insert(all.end(), after.begin(), after.end());
    reader = {};
    commands.clear();
    for (std::size_t at = 0; at < all.size(); at += 16'000) {
      push(Bytes(all).subspan(at, std::min<std::size_t>(16'000, all.size() - at)));
      ASSERT_LE(reader.memory() + reader.buffered(), 64U * 1024);
    }
    ASSERT_EQ(commands.size(), 2U) << size;
    EXPECT_TRUE(commands[0] == sent) << size;
    EXPECT_EQ(commands[1], after);
  }
}

TEST_F(CommandReaderTest, AContinuedPacketIsNeverWhole) {
  constexpr std::size_t max = protocol::packet_payload_max;
  ByteBuffer header{0xff, 0xff, 0xff, 0};
  header.resize(protocol::packet_header_size + 16, 'a');
  reader.push(slices.of(header));
  EXPECT_EQ(reader.front(16), Front::long_head);
  EXPECT_EQ(reader.front(max), Front::incomplete);  // and then long, though it could be looked into
}

TEST_F(CommandReaderTest, ABodyCutInsideTheSecondHeader) {
  constexpr std::size_t max = protocol::packet_payload_max;
  const ByteBuffer sent = command(max + 10, 'y');
  const std::size_t second = protocol::packet_header_size + max;
  std::size_t at = 0;
  for (const std::size_t stop : {std::size_t{9'000}, second + 1, second + 3, sent.size()}) {
    while (at < stop) {
      const std::size_t n = std::min<std::size_t>(16'000, stop - at);
      push(Bytes(sent).subspan(at, n));
      at += n;
    }
  }
  ASSERT_EQ(commands.size(), 1U);
  EXPECT_TRUE(commands[0] == sent);
}

TEST(ClientCommand, MovesOutOfItsBlock) {
  Slices slices;
  ClientCommand taken(slices.of(command(5)));
  EXPECT_EQ(slices.held(), 1U);
  taken.move_to_own_memory();
  EXPECT_EQ(slices.held(), 0U);
  EXPECT_EQ(taken.payload().size(), 5U);
  taken.mutable_payload()[0] = 'Z';
  EXPECT_EQ(taken.payload()[0], 'Z');
  taken.clear();
  EXPECT_TRUE(taken.empty());
}

}  // namespace
}  // namespace sluice::proxy
