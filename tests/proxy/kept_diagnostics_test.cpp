#include "proxy/state/kept_diagnostics.hpp"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "protocol/packet.hpp"
#include "protocol/response.hpp"
#include "proxy/diagnostics_statement.hpp"

namespace sluice::proxy {
namespace {

using protocol::ByteBuffer;
using About = DiagnosticsQuestion::About;

TEST(DiagnosticsQuestion, IsRecognised) {
  struct Case {
    const char* sql;
    About about;
    std::uint64_t skipped;
    std::uint64_t rows_max;
  };
  constexpr std::uint64_t all = UINT64_MAX;
  for (const Case& c : {
           Case{"SHOW WARNINGS", About::warnings, 0, all},
           Case{" show\twarnings ; ", About::warnings, 0, all},
           Case{"SHOW ERRORS", About::errors, 0, all},
           Case{"SHOW WARNINGS LIMIT 3", About::warnings, 0, 3},
           Case{"SHOW ERRORS LIMIT 2,3", About::errors, 2, 3},
           Case{"SHOW WARNINGS LIMIT 3 OFFSET 2", About::warnings, 2, 3},
           Case{"SHOW COUNT(*) WARNINGS", About::count_of_warnings, 0, all},
           Case{"show count( * ) errors;", About::count_of_errors, 0, all},
       }) {
    const auto question = diagnostics_question(c.sql);
    ASSERT_TRUE(question) << c.sql;
    EXPECT_EQ(question->about, c.about) << c.sql;
    EXPECT_EQ(question->skipped, c.skipped) << c.sql;
    EXPECT_EQ(question->rows_max, c.rows_max) << c.sql;
  }
}

TEST(DiagnosticsQuestion, InDoubtIsNone) {
  for (const char* sql :
       {"", ";", "SHOW", "SHOW TABLES", "SHOW WARNINGS LIMIT", "SHOW WARNINGS LIMIT x", "SHOW WARNINGS LIMIT 1 2",
        "SHOW WARNINGS LIMIT 1, x", "SHOW WARNINGS LIMIT 1 SKIP 2", "SHOW WARNINGS LIMIT 1, 2, 3",
        "SHOW WARNINGS WHERE 1", "SHOW WARNINGS LIMIT 99999999999999999999", "SHOW WARNINGS LIMIT -1",
        "SHOW WARNINGS /* all */", "SHOW WARNINGS; DO 1", "SHOW COUNT(*) WARNINGS LIMIT 1", "SHOW COUNT(x) ERRORS",
        "SHOW COUNT(*) TABLES", "SELECT WARNINGS"}) {
    EXPECT_FALSE(diagnostics_question(sql)) << sql;
  }
  EXPECT_FALSE(diagnostics_question("SHOW WARNINGS" + std::string(1000, ' ')));
}

ByteBuffer payload_of(std::initializer_list<std::string> texts) {
  ByteBuffer payload;
  for (const auto& text : texts) {
    payload.push_back(static_cast<std::uint8_t>(text.size()));
    payload.insert(payload.end(), text.begin(), text.end());
  }
  return payload;
}

ByteBuffer answer_of(const std::vector<ByteBuffer>& payloads) {
  ByteBuffer packets;
  std::uint8_t sequence = 7;  // is counted anew
  for (const auto& payload : payloads) sequence = protocol::append_packet(packets, sequence, payload);
  return packets;
}

KeptDiagnostics kept(ByteBuffer warnings) {
  KeptDiagnostics kept;
  kept.add(std::move(warnings), 3);
  EXPECT_FALSE(kept.complete());
  for (int i = 1; i < 3; ++i) kept.add(answer_of({{1}, payload_of({"count"}), payload_of({std::to_string(i)})}), 0);
  EXPECT_TRUE(kept.complete());
  return kept;
}

const ByteBuffer three_rows = answer_of({{2},
                                         payload_of({"Level"}),
                                         payload_of({"Code"}),
                                         payload_of({"Warning", "1"}),
                                         payload_of({"Error", "2"}),
                                         payload_of({"Note", "3"})});

// The packets' numbers and sizes, and the last letter of each row.
std::string told(const KeptDiagnostics& kept, const char* sql, protocol::Capabilities client) {
  const auto packets = kept.answer(*diagnostics_question(sql), client, protocol::status::autocommit);
  if (!packets) return "nothing";
  std::string told;
  protocol::Bytes left = *packets;
  while (!left.empty()) {
    const auto header = protocol::read_packet_header(left);
    const auto payload = left.subspan(protocol::packet_header_size, header.length);
    if (!told.empty()) told += ' ';
    told += std::to_string(header.sequence) + ':';
    if (payload[0] == 0xfe) {
      told += payload.size() == 5 ? "eof" : "ok";
    } else {
      told += payload.size() == 1 ? std::to_string(payload[0]) : std::string(1, static_cast<char>(payload.back()));
    }
    left = left.subspan(protocol::packet_header_size + header.length);
  }
  return told;
}

TEST(KeptDiagnostics, AnswerInTheClientsForm) {
  const KeptDiagnostics all = kept(three_rows);
  EXPECT_EQ(told(all, "SHOW WARNINGS", 0), "1:2 2:l 3:e 4:eof 5:1 6:2 7:3 8:eof");
  EXPECT_EQ(told(all, "SHOW WARNINGS", protocol::cap::deprecate_eof), "1:2 2:l 3:e 4:1 5:2 6:3 7:ok");
  EXPECT_EQ(told(all, "SHOW ERRORS", protocol::cap::deprecate_eof), "1:2 2:l 3:e 4:2 5:ok");
  EXPECT_EQ(told(all, "SHOW WARNINGS LIMIT 1, 1", protocol::cap::deprecate_eof), "1:2 2:l 3:e 4:2 5:ok");
  EXPECT_EQ(told(all, "SHOW ERRORS LIMIT 1, 1", protocol::cap::deprecate_eof), "1:2 2:l 3:e 4:ok");
  EXPECT_EQ(told(all, "SHOW WARNINGS LIMIT 0", protocol::cap::deprecate_eof), "1:2 2:l 3:e 4:ok");
  EXPECT_EQ(told(all, "SHOW COUNT(*) WARNINGS", protocol::cap::deprecate_eof), "1:1 2:t 3:1 4:ok");
  EXPECT_EQ(told(all, "SHOW COUNT(*) ERRORS", protocol::cap::deprecate_eof), "1:1 2:t 3:2 4:ok");
}

// Whatever a server sends: cut off anywhere but between rows, it is no answer.
TEST(KeptDiagnostics, ACutOffAnswerIsNone) {
  const std::size_t rows_begin = three_rows.size() - 3 * 4 - (8 + 2) - (6 + 2) - (5 + 2);
  for (std::size_t size = 0; size < three_rows.size(); ++size) {
    const KeptDiagnostics part = kept(ByteBuffer(three_rows.begin(), three_rows.begin() + static_cast<long>(size)));
    const bool between = size == rows_begin || size == rows_begin + 14 || size == rows_begin + 14 + 12;
    EXPECT_EQ(told(part, "SHOW WARNINGS", 0) == "nothing", !between) << size;
  }
  EXPECT_EQ(told(kept(answer_of({{0xfb}, payload_of({"a"})})), "SHOW WARNINGS", 0), "nothing");
}

}  // namespace
}  // namespace sluice::proxy
