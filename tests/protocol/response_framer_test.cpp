#include "protocol/response_framer.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <vector>

#include "framer_cases.hpp"
#include "support/sizes.hpp"

namespace sluice::protocol {
namespace {

std::string name_of(PacketRole role, bool after_columns) {
  switch (role) {
    case PacketRole::fragment:
      return "fragment";
    case PacketRole::ok:
      return "ok";
    case PacketRole::eof:
      return after_columns ? "eof-columns" : "eof";
    case PacketRole::error:
      return "error";
    case PacketRole::prepare_ok:
      return "prepare_ok";
    case PacketRole::local_infile:
      return "local_infile";
  }
  return "?";
}

// What a session does with a framer: everything that it gives is passed on.
struct Relay {
  ResponseFramer framer;
  std::string events;
  ByteBuffer passed;
  std::size_t used = 0;
  bool malformed = false;

  Relay(ResponseShape shape, Capabilities caps) { framer.start(shape, caps); }

  void feed(Bytes chunk) {
    while (!chunk.empty() && !framer.done() && !malformed) {
      const FramerStep step = framer.next(chunk);
      ASSERT_LE(step.bytes, chunk.size());
      if (step.kind == FramerStep::Kind::relay) {
        ASSERT_GT(step.bytes, 0U);
        pass(chunk.first(step.bytes));
      }
      if (step.kind == FramerStep::Kind::packet) take_packet(chunk, step);
      if (step.kind == FramerStep::Kind::malformed) malformed = true;
      used += step.bytes;
      chunk = chunk.subspan(step.bytes);
    }
  }

 private:
  void pass(Bytes bytes) { passed.insert(passed.end(), bytes.begin(), bytes.end()); }
  void take_packet(Bytes chunk, const FramerStep& step) {
    if (framer.packet_in_place()) {
      EXPECT_EQ(framer.packet().data(), chunk.data());
      EXPECT_EQ(framer.packet().size(), step.bytes);
    }
    pass(framer.packet());
    if (framer.role() == PacketRole::fragment) {
      EXPECT_TRUE(framer.payload().empty());
      return;
    }
    EXPECT_EQ(framer.payload().size() + packet_header_size, framer.packet().size());
    events += (events.empty() ? "" : " ") + name_of(framer.role(), framer.after_columns());
  }
};

class FramerCases : public testing::TestWithParam<FramerCase> {};

void expect_whole(const FramerCase& c, const Relay& relay, std::size_t at) {
  EXPECT_FALSE(relay.malformed) << "cut at " << at;
  EXPECT_TRUE(relay.framer.done()) << "cut at " << at;
  EXPECT_EQ(relay.events, c.events) << "cut at " << at;
  EXPECT_EQ(relay.used, c.answer.size()) << "cut at " << at;
  EXPECT_EQ(show(relay.passed), show(c.answer)) << "cut at " << at;
}

std::uint8_t sequence_after(Bytes answer) {
  std::uint8_t last = 0;
  while (!answer.empty()) {
    const PacketHeader header = read_packet_header(answer);
    last = header.sequence;
    answer = answer.subspan(packet_header_size + header.length);
  }
  return static_cast<std::uint8_t>(last + 1);
}

TEST_P(FramerCases, CutAnywhereInTwo) {
  const FramerCase& c = GetParam();
  for (std::size_t at = 0; at <= c.answer.size(); ++at) {
    Relay relay(c.shape, c.caps);
    relay.feed(Bytes(c.answer).first(at));
    if (at < c.answer.size()) {
      EXPECT_FALSE(relay.framer.done()) << "cut at " << at;
    }
    relay.feed(Bytes(c.answer).subspan(at));
    expect_whole(c, relay, at);
    EXPECT_EQ(relay.framer.next_sequence(), sequence_after(c.answer));
  }
}

TEST_P(FramerCases, ByteByByte) {
  const FramerCase& c = GetParam();
  Relay relay(c.shape, c.caps);
  for (std::size_t at = 0; at < c.answer.size(); ++at) {
    EXPECT_FALSE(relay.framer.done());
    relay.feed(Bytes(c.answer).subspan(at, 1));
  }
  expect_whole(c, relay, 1);
}

TEST_P(FramerCases, LeavesTheNextAnswer) {
  const FramerCase& c = GetParam();
  Relay relay(c.shape, c.caps);
  relay.feed(join({c.answer, packets({ok})}));
  expect_whole(c, relay, 0);
}

INSTANTIATE_TEST_SUITE_P(Answers, FramerCases, testing::ValuesIn(framer_cases()),
                         [](const auto& case_info) { return case_info.param.name; });

TEST(ResponseFramer, RowsGoInOneStep) {
  ByteBuffer answer = packets({"01", column});
  for (int i = 0; i < 1000; ++i) append_packet(answer, static_cast<std::uint8_t>(3 + i), hex(row));
  const std::size_t before_end = answer.size();
  append_packet(answer, 0xeb, hex(ok_end));
  ResponseFramer framer;
  framer.start(ResponseShape::query, deprecate);
  const FramerStep rows = framer.next(answer);
  EXPECT_EQ(rows.kind, FramerStep::Kind::relay);
  EXPECT_EQ(rows.bytes, before_end);
  const FramerStep end = framer.next(Bytes(answer).subspan(rows.bytes));
  EXPECT_EQ(end.kind, FramerStep::Kind::packet);
  EXPECT_TRUE(framer.packet_in_place());
  EXPECT_TRUE(framer.done());
}

TEST(ResponseFramer, TellsWhetherACursorIsOpen) {
  using enum ResponseShape;
  const auto open_after = [](ResponseShape shape, Capabilities caps, const ByteBuffer& answer) {
    Relay relay(shape, caps);
    relay.feed(answer);
    EXPECT_TRUE(relay.framer.done());
    return relay.framer.cursor_open();
  };
  EXPECT_TRUE(open_after(cursor, classic, packets({"01", column, eof_cursor})));
  EXPECT_TRUE(open_after(cursor, deprecate, packets({"01", column, ok_end_cursor})));
  EXPECT_TRUE(open_after(rows, classic, packets({binary_row, eof_cursor})));
  EXPECT_TRUE(open_after(rows, deprecate, packets({binary_row, ok_end_cursor})));
  EXPECT_FALSE(open_after(rows, classic, packets({binary_row, "fe 00 00 c2 00"})));  // the last row was sent
  EXPECT_FALSE(open_after(cursor, classic, packets({ok_cursor})));
  EXPECT_FALSE(open_after(cursor, classic, packets({err})));
  EXPECT_FALSE(open_after(cursor, classic, packets({"01", column, eof_cursor_more, row, eof_cursor_more, ok_cursor})));
  EXPECT_FALSE(open_after(cursor, deprecate, packets({"01", column, row, ok_end_cursor_more, ok_cursor})));
  EXPECT_FALSE(open_after(query, classic, packets({"01", column, eof_cursor, row, eof_cursor})));
  EXPECT_FALSE(open_after(ok_or_error, classic, packets({ok_cursor})));
}

TEST(ResponseFramer, UntouchedUntilTheFirstByte) {
  ResponseFramer framer;
  framer.start(ResponseShape::query, classic);
  EXPECT_TRUE(framer.untouched());
  const ByteBuffer answer = packets({ok});
  EXPECT_EQ(framer.next(Bytes(answer).first(1)).kind, FramerStep::Kind::held);
  EXPECT_FALSE(framer.untouched());
  framer.start(ResponseShape::query, classic);
  EXPECT_TRUE(framer.untouched());
}

// A row that fills packets: what follows a full packet is not judged, though it looks like EOF, ERR or nothing. Under a
// sanitizer each answer is cut once, and one of them everywhere: a read beyond a cut shows with any of them.
TEST(ResponseFramer, ContinuationsAreNotLookedAt) {
  for (const Capabilities caps : {classic, deprecate}) {
    for (const std::string_view tail : {"", "fe 00 00 02 00", "ff 48 04 '#HY000'", "fb"}) {
      ByteBuffer value(packet_payload_max, 'x');
      value[0] = 0xfe;  // a value of 16 MiB or more has its length in eight bytes
      const ByteBuffer tail_bytes = hex(tail);
      value.insert(value.end(), tail_bytes.begin(), tail_bytes.end());
      ByteBuffer answer = has(caps, cap::deprecate_eof) ? packets({"01", column}) : packets({"01", column, eof});
      const std::size_t start = answer.size();
      append_packet(answer, 4, value);
      const std::size_t second = start + packet_header_size + packet_payload_max;
      const ByteBuffer end = packets({has(caps, cap::deprecate_eof) ? ok_end : eof});
      answer.insert(answer.end(), end.begin(), end.end());
      std::vector<std::size_t> cuts = {second + 3};
      if (!test::sanitized || (caps == deprecate && tail == "fb")) {
        cuts = {start + 1,    start + 4,  start + 5,
                second - 1,   second,     second + 1,
                second + 3,   second + 4, std::min(second + 5, answer.size()),
                answer.size()};
      }
      for (const std::size_t cut : cuts) {
        Relay relay(ResponseShape::query, caps);
        relay.feed(Bytes(answer).first(cut));
        relay.feed(Bytes(answer).subspan(cut));
        EXPECT_TRUE(relay.framer.done());
        EXPECT_EQ(relay.used, answer.size());
        EXPECT_TRUE(relay.passed == answer);
        EXPECT_EQ(relay.events, has(caps, cap::deprecate_eof) ? "ok" : "eof-columns eof");
      }
    }
  }
}

TEST(ResponseFramer, LongDefinitionCountsOnce) {
  ByteBuffer definition = hex(column);
  definition.resize(packet_payload_max + std::size_t{9}, 'd');
  const ByteBuffer answer = join({packets({"02"}), packet(2, definition), packets({column, eof, "01 '1' fb", eof}, 4)});
  Relay relay(ResponseShape::query, classic);
  relay.feed(answer);
  EXPECT_TRUE(relay.framer.done());
  EXPECT_EQ(relay.events, "eof-columns eof");
  EXPECT_TRUE(relay.passed == answer);
}

TEST(ResponseFramer, LongEndOfRowsIsTakenWhole) {
  ByteBuffer long_ok = hex("fe 00 00 02 00 00 00 fd a0 86 01");
  long_ok.resize(long_ok.size() + 100000, 'i');
  const ByteBuffer answer = join({packets({"01", column, row}), packet(4, long_ok)});
  for (const std::size_t cut : {answer.size(), answer.size() - 1, answer.size() - 99999}) {
    Relay relay(ResponseShape::query, tracking);
    relay.feed(Bytes(answer).first(cut));
    relay.feed(Bytes(answer).subspan(cut));
    EXPECT_EQ(relay.events, "ok");
    EXPECT_TRUE(relay.passed == answer);
  }
}

struct BadCase {
  std::string name;
  ResponseShape shape;
  Capabilities caps;
  ByteBuffer answer;
};

class BadAnswers : public testing::TestWithParam<BadCase> {};

TEST_P(BadAnswers, AreMalformedHoweverCut) {
  const BadCase& c = GetParam();
  for (std::size_t at = 0; at <= c.answer.size(); ++at) {
    Relay relay(c.shape, c.caps);
    relay.feed(Bytes(c.answer).first(at));
    relay.feed(Bytes(c.answer).subspan(at));
    EXPECT_TRUE(relay.malformed) << "cut at " << at;
    EXPECT_FALSE(relay.framer.done());
    const ByteBuffer more = packets({ok});
    EXPECT_EQ(relay.framer.next(more).kind, FramerStep::Kind::malformed);
  }
}

std::vector<BadCase> bad_cases() {
  using enum ResponseShape;
  return {
      {"EmptyFirst", query, classic, packets({""})},
      {"EmptyOk", ok_or_error, classic, packets({""})},
      {"EmptyRow", query, deprecate, packets({"01", column, ""})},
      {"EmptyRowAndMore", query, deprecate, packets({"01", column, "", row, ok_end})},
      {"EmptyColumn", query, deprecate, packets({"01", ""})},
      {"ShortOk", query, classic, packets({"00 00 00 02 00 00"})},
      {"ShortErr", query, classic, packets({"ff 01"})},
      {"ErrWithCutState", query, classic, packets({"ff 48 04 '#HY00'"})},
      {"ShortEof", query, classic, packets({"01", column, eof, "fe 00 00"})},
      {"RowInsteadOfEof", query, classic, packets({"01", column, row})},
      {"LongEofAfterColumns", query, classic, packets({"01", column, "fe 00 00 02 00 00 00 00 00"})},
      {"TooManyColumns", query, classic, packets({"fd 00 00 01"})},
      {"ColumnCountCut", query, classic, packets({"fc 01"})},
      {"ColumnCountAndMore", query, classic, packets({"01 00"})},
      {"ColumnCountZeroLong", query, classic, packets({"fc 00 00"})},
      {"LongFirstPacket", query, classic, packets({"01 'aaaaaaaaaa'"})},
      {"ResultsetForPing", ok_or_error, classic, packets({"01", column, eof, eof})},
      {"InfileForPing", ok_or_error, classic, packets({"fb 'f'"})},
      {"InfileAfterInfile", query, classic, packets({"fb 'f'", "fb 'f'"})},
      {"ResultsetAfterInfile", query, classic, packets({"fb 'f'", "01"})},
      {"SwitchRequestForOk", ok_or_error, classic, packets({"fe 'mysql_native_password' 00"})},
      {"ShortPrepare", prepare, classic, packets({"00 01 00 00 00 00 00"})},
      {"PrepareResultset", prepare, classic, packets({"01"})},
      {"NoEofAfterParams", prepare, classic, packets({"00 01 00 00 00 01 00 01 00 00 00 00", column, column})},
      {"PrepareErrForEof", prepare, classic, packets({"00 01 00 00 00 01 00 00 00 00 00 00", column, err})},
  };
}

INSTANTIATE_TEST_SUITE_P(Answers, BadAnswers, testing::ValuesIn(bad_cases()),
                         [](const auto& case_info) { return case_info.param.name; });

TEST(ResponseFramer, PacketsTooLongToLookIntoAreMalformed) {
  ByteBuffer header = hex("01 00 10 01 ff 48 04");  // an ERR of 1 MiB and a byte
  ResponseFramer framer;
  framer.start(ResponseShape::query, classic);
  EXPECT_EQ(framer.next(header).kind, FramerStep::Kind::malformed);
  header[0] = 0;  // 1 MiB is looked into
  framer.start(ResponseShape::query, classic);
  EXPECT_EQ(framer.next(header).kind, FramerStep::Kind::held);
}

}  // namespace
}  // namespace sluice::protocol
