#include "protocol/statement.hpp"

#include <gtest/gtest.h>

#include "protocol/command.hpp"
#include "wire.hpp"

namespace sluice::protocol {
namespace {

TEST(PrepareOk, RoundTripAndCuts) {
  const ByteBuffer bytes = hex("00 01 02 03 04 05 00 06 00 00 07 00");
  const auto ok = parse_prepare_ok(bytes);
  ASSERT_TRUE(ok);
  EXPECT_EQ(ok->statement_id, 0x04030201U);
  EXPECT_EQ(ok->columns, 5);
  EXPECT_EQ(ok->params, 6);
  EXPECT_EQ(ok->warnings, 7);
  ByteBuffer again;
  append_prepare_ok(again, *ok);
  EXPECT_EQ(again, bytes);
  for (std::size_t cut = 0; cut < bytes.size(); ++cut) {
    EXPECT_EQ(parse_prepare_ok(Bytes(bytes).first(cut)).has_value(), cut == 9) << cut;
  }
  EXPECT_FALSE(parse_prepare_ok(hex("ff 01 02 03 04 05 00 06 00 00 07 00")));
}

TEST(StatementId, OfEveryBinaryCommand) {
  for (const Command command : {Command::stmt_execute, Command::stmt_bulk_execute, Command::stmt_close,
                                Command::stmt_reset, Command::stmt_fetch, Command::stmt_send_long_data}) {
    ByteBuffer payload = hex("00 01 00 00 80 aa bb");
    payload[0] = static_cast<std::uint8_t>(command);
    EXPECT_EQ(statement_id(payload), 0x80000001U);
    EXPECT_TRUE(patch_statement_id(payload, 0x0a0b0c0d));
    EXPECT_EQ(show(Bytes(payload).subspan(1)), "0d 0c 0b 0a aa bb");
    EXPECT_EQ(statement_id(payload), 0x0a0b0c0dU);
    for (std::size_t cut = 0; cut < 5; ++cut) EXPECT_FALSE(statement_id(Bytes(payload).first(cut)));
  }
}

TEST(StatementId, OtherCommandsHaveNone) {
  ByteBuffer query = hex("03 'SELECT 1'");
  const ByteBuffer before = query;
  EXPECT_FALSE(statement_id(query));
  EXPECT_FALSE(patch_statement_id(query, 1));
  EXPECT_EQ(query, before);
}

// The page's example: one parameter, the string "foo".
const ByteBuffer bound = hex("17 01 00 00 00 00 01 00 00 00 00 01 0f 00 03 'foo'");

TEST(Execute, WithTypes) {
  const auto header = parse_execute(bound, 1);
  ASSERT_TRUE(header);
  EXPECT_EQ(header->statement_id, 1U);
  EXPECT_EQ(header->flags, 0);
  EXPECT_EQ(header->iterations, 1U);
  EXPECT_EQ(header->null_bitmap_offset, 10U);
  EXPECT_EQ(header->null_bitmap_size, 1U);
  EXPECT_TRUE(header->types_bound);
  EXPECT_EQ(show(header->types), "0f 00");
  EXPECT_EQ(header->values_offset, 14U);
  EXPECT_EQ(execute_prefix_max(1), 14U);
}

TEST(Execute, PrefixIsEnoughAndLessIsNot) {
  for (std::size_t cut = 0; cut < bound.size(); ++cut) {
    EXPECT_EQ(parse_execute(Bytes(bound).first(cut), 1).has_value(), cut >= 14) << cut;
  }
}

TEST(Execute, WithoutParameters) {
  const ByteBuffer bytes = hex("17 01 00 00 00 01 01 00 00 00");
  const auto header = parse_execute(bytes, 0);
  ASSERT_TRUE(header);
  EXPECT_EQ(header->flags, 1);
  EXPECT_FALSE(header->types_bound);
  EXPECT_EQ(header->values_offset, 10U);
}

TEST(Execute, Malformed) {
  EXPECT_FALSE(parse_execute(hex("17 01 00 00 00 00 01 00 00 00 00 02 0f 00"), 1));  // neither bound nor not
  EXPECT_FALSE(parse_execute(hex("19 01 00 00 00 00 01 00 00 00 00 00"), 1));        // another command
  EXPECT_FALSE(parse_execute(hex("17 01 00 00 00 08 01 00 00 00 00 00"), 1));        // query attributes
}

TEST(Execute, BitmapGrowsByEights) {
  for (const auto& [params, size] : {std::pair{1, 1}, {8, 1}, {9, 2}, {16, 2}, {17, 3}}) {
    const ByteBuffer bytes = join({hex("17 01 00 00 00 00 01 00 00 00"), ByteBuffer(100, 0)});
    const auto header = parse_execute(bytes, static_cast<std::uint16_t>(params));
    EXPECT_EQ(header->null_bitmap_size, static_cast<std::size_t>(size));
    EXPECT_EQ(header->values_offset, 10U + static_cast<std::size_t>(size) + 1);
  }
}

TEST(Execute, TypesPutIn) {
  const ByteBuffer unbound = hex("17 01 00 00 00 00 01 00 00 00 00 00 03 'foo'");
  const auto header = parse_execute(unbound, 1);
  ASSERT_TRUE(header);
  EXPECT_FALSE(header->types_bound);
  ByteBuffer out;
  append_execute_with_types(out, unbound, *header, hex("0f 00"));
  EXPECT_EQ(show(out), show(bound));
}

}  // namespace
}  // namespace sluice::protocol
