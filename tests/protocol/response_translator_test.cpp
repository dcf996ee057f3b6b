#include "protocol/response_translator.hpp"

#include <gtest/gtest.h>

#include "framer_cases.hpp"

namespace sluice::protocol {
namespace {

struct Translated {
  ByteBuffer out;
  std::size_t used = 0;
  bool malformed = false;
  bool done = false;
  std::uint8_t shift = 0;
  int packets = 0;
};

Translated translate(ResponseShape shape, Capabilities server, Capabilities client, Bytes answer, std::size_t chunk) {
  ResponseTranslator translator;
  translator.start(shape, server, client);
  Translated result;
  while (!answer.empty() && !translator.done() && !result.malformed) {
    Bytes input = answer.first(std::min(chunk, answer.size()));
    answer = answer.subspan(input.size());
    while (!input.empty() && !translator.done() && !result.malformed) {
      const TranslatorStep step = translator.feed(input, result.out);
      if (step.kind == TranslatorStep::Kind::malformed) result.malformed = true;
      if (step.kind == TranslatorStep::Kind::packet) {
        ++result.packets;
        EXPECT_FALSE(translator.payload().empty());
      }
      input = input.subspan(step.bytes);
      result.used += step.bytes;
    }
  }
  result.done = translator.done();
  result.shift = translator.sequence_shift();
  return result;
}

struct TranslatorCase {
  std::string name;
  ResponseShape shape;
  ByteBuffer in_classic;
  ByteBuffer in_deprecate;
};

constexpr std::string_view prepare_ok = "00 01 00 00 00 01 00 02 00 00 00 00";

// Pairs of the same answer: each is what the other must be translated to.
const std::vector<TranslatorCase>& pairs() {
  using enum ResponseShape;
  static const std::vector<TranslatorCase> cases = {
      {"Ok", query, packets({ok}), packets({ok})},
      {"Err", query, packets({err}), packets({err})},
      {"Rows", query, packets({"01", column, eof, row, row, eof}), packets({"01", column, row, row, ok_end})},
      {"NoRows", query, packets({"01", column, eof, eof}), packets({"01", column, ok_end})},
      {"Warnings", query, packets({"01", column, eof, row, "fe 07 00 22 00"}),
       packets({"01", column, row, "fe 00 00 22 00 07 00"})},
      {"TwoColumns", query, packets({"02", column, column, eof, null_row, eof}),
       packets({"02", column, column, null_row, ok_end})},
      {"Cursor", cursor, packets({"01", column, eof_cursor}), packets({"01", column, ok_end_cursor})},
      {"CursorNotOpened", cursor, packets({"01", column, eof, row, eof}), packets({"01", column, row, ok_end})},
      {"CursorOfABlock", query, packets({"01", column, eof, row, eof_cursor}),
       packets({"01", column, row, ok_end_cursor})},
      {"CursorOfARoutine", cursor, packets({"01", column, eof, row, eof_cursor_more, ok_cursor}),
       packets({"01", column, row, ok_end_cursor_more, ok_cursor})},
      {"TwoResultsets", query, packets({"01", column, eof, row, eof_more, "01", column, eof, eof}),
       packets({"01", column, row, ok_end_more, "01", column, ok_end})},
      {"CallEndsWithOk", query, packets({"01", column, eof, row, eof_more, ok}),
       packets({"01", column, row, ok_end_more, ok})},
      {"ErrAfterRow", query, packets({"01", column, eof, row, err}), packets({"01", column, row, err})},
      {"PrepareBoth", prepare, packets({prepare_ok, column, column, eof, column, eof}),
       packets({prepare_ok, column, column, column})},
      {"PrepareNothing", prepare, packets({"00 01 00 00 00 00 00 00 00 00 00 00"}),
       packets({"00 01 00 00 00 00 00 00 00 00 00 00"})},
      {"Fetch", rows, packets({binary_row, binary_row, eof_cursor}), packets({binary_row, binary_row, ok_end_cursor})},
      {"FieldList", field_list, packets({column, column, eof}), packets({column, column, ok_end})},
      {"SetOption", ok_or_error, packets({eof}), packets({ok_end})},
      {"Statistics", text, packets({"'Uptime: 7'"}), packets({"'Uptime: 7'"})},
      {"SequenceWraps", query, packets({"01", column, eof, row, eof}, 253), packets({"01", column, row, ok_end}, 253)},
  };
  return cases;
}

class TranslatorPairs : public testing::TestWithParam<TranslatorCase> {};

void expect_translation(ResponseShape shape, Capabilities server, Capabilities client, const ByteBuffer& from,
                        const ByteBuffer& to) {
  for (std::size_t chunk = 1; chunk <= from.size(); ++chunk) {
    const Translated result = translate(shape, server, client, from, chunk);
    EXPECT_FALSE(result.malformed);
    EXPECT_TRUE(result.done);
    EXPECT_EQ(result.used, from.size());
    EXPECT_EQ(show(result.out), show(to)) << "in chunks of " << chunk;
  }
}

TEST_P(TranslatorPairs, ForAClassicClient) {
  expect_translation(GetParam().shape, deprecate, classic, GetParam().in_deprecate, GetParam().in_classic);
}
TEST_P(TranslatorPairs, ForADeprecatingClient) {
  expect_translation(GetParam().shape, classic, deprecate, GetParam().in_classic, GetParam().in_deprecate);
}
TEST_P(TranslatorPairs, SameOnBothSides) {
  expect_translation(GetParam().shape, classic, classic, GetParam().in_classic, GetParam().in_classic);
  expect_translation(GetParam().shape, deprecate, deprecate, GetParam().in_deprecate, GetParam().in_deprecate);
}

INSTANTIATE_TEST_SUITE_P(Answers, TranslatorPairs, testing::ValuesIn(pairs()),
                         [](const auto& case_info) { return case_info.param.name; });

// The flag in the EOF after the columns is lost to a client that gets none, and is left out where one is made.
TEST(ResponseTranslator, TheCursorOfARoutineDoesNotEndItsRows) {
  expect_translation(ResponseShape::query, classic, deprecate, packets({"01", column, eof_cursor, row, eof_cursor}),
                     packets({"01", column, row, ok_end_cursor}));
  expect_translation(ResponseShape::cursor, classic, deprecate,
                     packets({"01", column, eof_cursor_more, row, eof_cursor_more, ok_cursor}),
                     packets({"01", column, row, ok_end_cursor_more, ok_cursor}));
}

constexpr std::string_view tracked_ok = "00 01 05 02 40 03 00 02 'hi' 11 00 0f 0a 'autocommit' 03 'OFF'";
constexpr std::string_view tracked_end = "fe 00 00 02 40 03 00 00 11 00 0f 0a 'autocommit' 03 'OFF'";

TEST(ResponseTranslator, StripsSessionState) {
  using enum ResponseShape;
  expect_translation(query, tracking, deprecate, packets({tracked_ok}), packets({"00 01 05 02 00 03 00 02 'hi'"}));
  expect_translation(query, tracking, tracking, packets({tracked_ok}), packets({tracked_ok}));
  expect_translation(query, tracking, deprecate, packets({"01", column, row, tracked_end}),
                     packets({"01", column, row, "fe 00 00 02 00 03 00"}));
  expect_translation(query, tracking, classic, packets({"01", column, row, tracked_end}),
                     packets({"01", column, "fe 00 00 02 00", row, "fe 03 00 02 00"}));
}

TEST(ResponseTranslator, LeavesOutThatSomeStateHasChanged) {
  const ByteBuffer answer = packets({"00 01 05 02 40 03 00 02 'hi' 14 02 01 '1' 00 0f 0a 'autocommit' 03 'OFF'"});
  for (const bool told : {true, false}) {
    ResponseTranslator translator;
    translator.start(ResponseShape::query, tracking, tracking, status::autocommit, told);
    ByteBuffer out;
    EXPECT_EQ(translator.feed(answer, out).kind, TranslatorStep::Kind::packet);
    EXPECT_EQ(show(out), show(told ? answer : packets({tracked_ok})));
  }
}

TEST(ResponseTranslator, ErrInPlaceOfTheFirstRowNeedsNoEof) {
  expect_translation(ResponseShape::query, deprecate, classic, packets({"01", column, err}),
                     packets({"01", column, err}));
}

TEST(ResponseTranslator, ClassicEofFromADeprecatingServer) {
  expect_translation(ResponseShape::ok_or_error, deprecate, classic, packets({eof}), packets({eof}));
  expect_translation(ResponseShape::query, deprecate, classic, packets({"01", column, eof}),
                     packets({"01", column, eof, eof}));
}

TEST(ResponseTranslator, FileTransferKeepsCountingOn) {
  // A resultset puts the client one number ahead; it sends its file from 7 on (the server sees 6), and gets OK as 9.
  const ByteBuffer before = packets({"01", column, row, ok_end_more, "fb 'f'"});
  const ByteBuffer answer = join({before, packets({ok}, 8)});
  const ByteBuffer expected = join({packets({"01", column, eof, row, eof_more, "fb 'f'"}), packets({ok}, 9)});
  const Translated result = translate(ResponseShape::query, deprecate, classic, answer, answer.size());
  EXPECT_EQ(show(result.out), show(expected));
  EXPECT_EQ(result.shift, 1);
}

TEST(ResponseTranslator, LongRowsStreamThrough) {
  ByteBuffer value(packet_payload_max + std::size_t{5}, 0xfe);
  ByteBuffer from = packets({"01", column, eof});
  append_packet(from, 4, value);
  const ByteBuffer end = packets({eof}, 6);
  from.insert(from.end(), end.begin(), end.end());
  ByteBuffer to = packets({"01", column});
  append_packet(to, 3, value);
  const ByteBuffer ok_packet = packets({ok_end}, 5);
  to.insert(to.end(), ok_packet.begin(), ok_packet.end());
  const Translated result = translate(ResponseShape::query, classic, deprecate, from, 65536);
  EXPECT_TRUE(result.done);
  EXPECT_TRUE(result.out == to);
}

TEST(ResponseTranslator, ShowsTheServersPackets) {
  ResponseTranslator translator;
  translator.start(ResponseShape::query, tracking, classic);
  const ByteBuffer answer = packets({"01", column, tracked_end});
  ByteBuffer out;
  const TranslatorStep step = translator.feed(answer, out);
  EXPECT_EQ(step.kind, TranslatorStep::Kind::packet);
  EXPECT_EQ(translator.role(), PacketRole::ok);
  EXPECT_FALSE(parse_ok(translator.payload(), tracking)->session_state.empty());
}

TEST(ResponseTranslator, MalformedAnswersAreGivenUp) {
  for (const ByteBuffer& bad :
       {packets({""}), packets({"00 00"}), packets({"01", column, ""}), packets({"fd 00 00 01"}), packets({"ff"}),
        packets({"01", column, "fe fc 00 00 00 00 00"})}) {
    for (const std::size_t chunk : {std::size_t{1}, bad.size()}) {
      const Translated result = translate(ResponseShape::query, deprecate, classic, bad, chunk);
      EXPECT_TRUE(result.malformed);
      EXPECT_FALSE(result.done);
    }
  }
}

TEST(ResponseTranslator, RowsThatAClientWouldTakeForTheEndAreGivenUp) {
  const ByteBuffer answer = packets({"01", column, eof, "fe 01 00 00 00 00 00 00 00 'x'", eof});
  EXPECT_TRUE(translate(ResponseShape::query, classic, deprecate, answer, 1).malformed);
  EXPECT_EQ(show(translate(ResponseShape::query, classic, classic, answer, 1).out), show(answer));
}

TEST(ResponseTranslator, LeavesTheNextAnswer) {
  for (const FramerCase& c : framer_cases()) {
    const Translated result = translate(c.shape, c.caps, c.caps, join({c.answer, packets({ok})}), c.answer.size() + 1);
    EXPECT_EQ(result.used, c.answer.size()) << c.name;
    EXPECT_EQ(show(result.out), show(c.answer)) << c.name;
  }
}

TEST(NeedsTranslation, OnlyWhereItShows) {
  EXPECT_TRUE(needs_translation(classic, deprecate));
  EXPECT_TRUE(needs_translation(tracking, deprecate));
  EXPECT_FALSE(needs_translation(tracking, tracking | cap::ssl));
}

}  // namespace
}  // namespace sluice::protocol
