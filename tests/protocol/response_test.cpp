#include "protocol/response.hpp"

#include <gtest/gtest.h>

#include "wire.hpp"

namespace sluice::protocol {
namespace {

constexpr Capabilities plain = cap::protocol_41;
constexpr Capabilities track = cap::protocol_41 | cap::session_track;

TEST(Ok, FieldsAsOnTheProtocolPage) {
  const ByteBuffer bytes = hex("00 fc 2c 01 07 02 00 05 00");
  const auto ok = parse_ok(bytes, plain);
  ASSERT_TRUE(ok);
  EXPECT_EQ(ok->affected_rows, 300U);
  EXPECT_EQ(ok->last_insert_id, 7U);
  EXPECT_EQ(ok->status, status::autocommit);
  EXPECT_EQ(ok->warnings, 5);
  EXPECT_TRUE(ok->info.empty());
  EXPECT_TRUE(ok->session_state.empty());
}

TEST(Ok, InfoWithAndWithoutItsLength) {
  const ByteBuffer with_length = hex("00 00 00 02 00 00 00 05 'hello'");
  const ByteBuffer without = hex("00 00 00 02 00 00 00 'Rows matched: 1'");
  EXPECT_EQ(parse_ok(with_length, plain)->info, "hello");
  EXPECT_EQ(parse_ok(with_length, track)->info, "hello");
  EXPECT_EQ(parse_ok(without, plain)->info, "Rows matched: 1");
  EXPECT_FALSE(parse_ok(without, track));
}

TEST(Ok, SessionStateOnlyWhereItsFlagIsSet) {
  const ByteBuffer changed = hex("00 00 00 02 40 00 00 00 06 01 04 03 'db1'");
  const auto ok = parse_ok(changed, track);
  ASSERT_TRUE(ok);
  EXPECT_EQ(show(ok->session_state), "01 04 03 64 62 31");
  const ByteBuffer unchanged = hex("00 00 00 02 00 00 00 02 'hi'");
  EXPECT_TRUE(parse_ok(unchanged, track)->session_state.empty());
}

TEST(Ok, EveryCutFailsButTheOnesThatLeaveTheEndOut) {
  const ByteBuffer bytes = hex("00 01 02 02 40 00 00 02 'hi' 06 01 04 03 'db1'");
  ASSERT_TRUE(parse_ok(bytes, track));
  for (std::size_t cut = 0; cut < bytes.size(); ++cut) {
    EXPECT_EQ(parse_ok(Bytes(bytes).first(cut), track).has_value(), cut == 7) << cut;
  }
}

TEST(Ok, OtherPacketsAreNone) {
  const ByteBuffer err = hex("ff 00 00 02 00 00 00");
  EXPECT_FALSE(parse_ok(err, plain));
}

TEST(Ok, WrittenForTheClientsCapabilities) {
  const ByteBuffer state = hex("01 04 03 'db1'");
  const OkPacket ok{1, 2, status::autocommit | status::session_state_changed, 3, "hi", state};
  ByteBuffer tracked;
  append_ok(tracked, ok, track);
  EXPECT_EQ(show(tracked), show(hex("00 01 02 02 40 03 00 02 'hi' 06 01 04 03 'db1'")));
  ByteBuffer untracked;
  append_ok(untracked, ok, plain, 0xfe);
  EXPECT_EQ(show(untracked), show(hex("fe 01 02 02 00 03 00 02 'hi'")));
  ByteBuffer no_info;
  OkPacket changed;
  changed.status = status::autocommit;
  changed.session_state = state;
  append_ok(no_info, changed, track);
  EXPECT_EQ(show(no_info), show(hex("00 00 00 02 40 00 00 00 06 01 04 03 'db1'")));
}

// A flag without a block would make the reader look for a block.
TEST(Ok, ChangedFlagNeedsABlock) {
  ByteBuffer out;
  OkPacket changed;
  changed.status = status::session_state_changed;
  append_ok(out, changed, track);
  EXPECT_EQ(show(out), "00 00 00 00 00 00 00");
}

TEST(SessionState, AllEntries) {
  const ByteBuffer block =
      hex("00 0f 0a 'autocommit' 03 'OFF' 01 04 03 'db1' 02 01 '1' 03 06 00 04 'u:12' "
          "04 01 00 05 09 08 'T_______' 77 02 'zz'");
  const auto track_result = parse_session_state(block);
  ASSERT_TRUE(track_result);
  ASSERT_EQ(track_result->variables.size(), 1U);
  EXPECT_EQ(track_result->variables[0].name, "autocommit");
  EXPECT_EQ(track_result->variables[0].value, "OFF");
  EXPECT_EQ(track_result->schema, "db1");
  EXPECT_EQ(track_result->gtids, "u:12");
  EXPECT_EQ(track_result->transaction_state, "T_______");
  EXPECT_TRUE(track_result->state_changed);
}

// MariaDB reports GTIDs as a variable, and may put several variables into one entry.
TEST(SessionState, SeveralVariablesInOneEntry) {
  const ByteBuffer block = hex("00 17 09 'last_gtid' 06 '0-1-42' 01 'a' 03 'b c'");
  const auto result = parse_session_state(block);
  ASSERT_TRUE(result);
  ASSERT_EQ(result->variables.size(), 2U);
  EXPECT_EQ(result->variables[0].value, "0-1-42");
  EXPECT_EQ(result->variables[1].value, "b c");
  EXPECT_FALSE(result->state_changed);
  EXPECT_FALSE(result->schema);
}

TEST(SessionState, ChangesAreLeftOutForWhoDoesNotAsk) {
  const ByteBuffer schema = hex("01 04 03 'db1'");
  const ByteBuffer variable = hex("00 0f 0a 'autocommit' 03 'OFF'");
  const ByteBuffer change = hex("02 01 '1'");
  EXPECT_EQ(show(without_state_changes(join({change, schema, change, variable}))), show(join({schema, variable})));
  EXPECT_EQ(show(without_state_changes(join({schema, variable, change}))), show(join({schema, variable})));
  EXPECT_TRUE(without_state_changes(change).empty());
  EXPECT_TRUE(without_state_changes({}).empty());
  EXPECT_FALSE(parse_session_state(hex("02 00"))->state_changed);
}

TEST(SessionState, UnselectedSchema) {
  const ByteBuffer block = hex("01 01 00");
  EXPECT_EQ(parse_session_state(block)->schema, "");
}

TEST(SessionState, EveryCutFails) {
  const ByteBuffer block = hex("00 0f 0a 'autocommit' 03 'OFF'");
  for (std::size_t cut = 1; cut < block.size(); ++cut) {
    EXPECT_FALSE(parse_session_state(Bytes(block).first(cut))) << cut;
  }
  const ByteBuffer inner_cut = hex("00 0e 0a 'autocommit' 03 'OF'");
  EXPECT_FALSE(parse_session_state(inner_cut));
}

TEST(Err, RoundTrip) {
  const ByteBuffer bytes = hex("ff 48 04 '#HY000No tables used'");
  const auto err = parse_err(bytes);
  ASSERT_TRUE(err);
  EXPECT_EQ(err->code, 1096);
  EXPECT_EQ(err->sqlstate, "HY000");
  EXPECT_EQ(err->message, "No tables used");
  ByteBuffer again;
  append_err(again, *err);
  EXPECT_EQ(again, bytes);
}

TEST(Err, BeforeTheServerKnowsItsClient) {
  const ByteBuffer bytes = hex("ff 10 04 'Too many connections'");
  const auto err = parse_err(bytes);
  ASSERT_TRUE(err);
  EXPECT_EQ(err->code, 1040);
  EXPECT_EQ(err->sqlstate, "HY000");
  EXPECT_EQ(err->message, "Too many connections");
  ByteBuffer again;
  append_err(again, {1040, "", "Too many connections"});
  EXPECT_EQ(again, bytes);
}

TEST(Err, CutsInFrontOfTheMessageFail) {
  const ByteBuffer bytes = hex("ff 48 04 '#HY000'");
  EXPECT_TRUE(parse_err(bytes));
  for (std::size_t cut = 0; cut < bytes.size(); ++cut) {
    EXPECT_EQ(parse_err(Bytes(bytes).first(cut)).has_value(), cut == 3) << cut;
  }
}

TEST(Eof, RoundTripAndCuts) {
  const ByteBuffer bytes = hex("fe 03 00 22 00");
  const auto eof = parse_eof(bytes);
  ASSERT_TRUE(eof);
  EXPECT_EQ(eof->warnings, 3);
  EXPECT_EQ(eof->status, status::autocommit | status::no_index_used);
  ByteBuffer again;
  append_eof(again, *eof);
  EXPECT_EQ(again, bytes);
  for (std::size_t cut = 0; cut < bytes.size(); ++cut) EXPECT_FALSE(parse_eof(Bytes(bytes).first(cut))) << cut;
  EXPECT_FALSE(parse_eof(hex("fe 00 00 02 00 00 00 00 00")));
}

}  // namespace
}  // namespace sluice::protocol
