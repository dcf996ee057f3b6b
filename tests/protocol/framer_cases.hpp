// Answers of servers, byte for byte, with what a framer must see in them. Shared by the tests of the framer and of the
// translator.
#pragma once

#include <string>
#include <vector>

#include "protocol/answer_grammar.hpp"
#include "protocol/capabilities.hpp"
#include "wire.hpp"

namespace sluice::protocol {

constexpr Capabilities classic = cap::protocol_41;
constexpr Capabilities deprecate = cap::protocol_41 | cap::deprecate_eof;
constexpr Capabilities tracking = deprecate | cap::session_track;

constexpr std::string_view column = "03 'def' 00 00 00 01 'a' 00 0c 3f 00 0b 00 00 00 03 00 00 00 00 00";
constexpr std::string_view ok = "00 01 05 02 00 03 00";
constexpr std::string_view ok_more = "00 00 00 0a 00 00 00";
constexpr std::string_view ok_end = "fe 00 00 02 00 00 00";
constexpr std::string_view ok_end_more = "fe 00 00 0a 00 00 00";
constexpr std::string_view ok_end_cursor = "fe 00 00 42 00 00 00";
constexpr std::string_view ok_cursor = "00 00 00 42 00 00 00";
constexpr std::string_view ok_end_cursor_more = "fe 00 00 4a 00 00 00";
constexpr std::string_view eof = "fe 00 00 02 00";
constexpr std::string_view eof_more = "fe 00 00 0a 00";
constexpr std::string_view eof_cursor = "fe 00 00 42 00";
constexpr std::string_view eof_cursor_more = "fe 00 00 4a 00";
constexpr std::string_view err = "ff 48 04 '#HY000No tables used'";
constexpr std::string_view row = "01 '7'";
constexpr std::string_view null_row = "fb";
constexpr std::string_view binary_row = "00 00 07 00 00 00";

struct FramerCase {
  std::string name;
  ResponseShape shape;
  Capabilities caps;
  ByteBuffer answer;
  std::string events;  // the packets that must be shown, in order
};

inline const std::vector<FramerCase>& framer_cases() {
  using enum ResponseShape;
  static const std::vector<FramerCase> cases = {
      {"Ok", ok_or_error, classic, packets({ok}), "ok"},
      {"OkQuery", query, deprecate, packets({ok}), "ok"},
      {"OkLongIntegers", query, classic, packets({"00 fc 10 27 fe 01 02 03 04 05 06 07 08 02 00 00 00"}), "ok"},
      {"Err", ok_or_error, classic, packets({err}), "error"},
      {"ErrWithoutState", query, classic, packets({"ff 10 04 'Too many connections'"}), "error"},
      {"EofCountsAsOk", ok_or_error, classic, packets({eof}), "eof"},
      {"EndOkCountsAsOk", ok_or_error, deprecate, packets({ok_end}), "ok"},
      {"ClassicEofThoughDeprecated", ok_or_error, deprecate, packets({eof}), "eof"},
      {"Rows", query, classic, packets({"01", column, eof, row, row, row, eof}), "eof-columns eof"},
      {"RowsDeprecate", query, deprecate, packets({"01", column, row, row, row, ok_end}), "ok"},
      {"NoRows", query, classic, packets({"01", column, eof, eof}), "eof-columns eof"},
      {"NoRowsDeprecate", query, deprecate, packets({"01", column, ok_end}), "ok"},
      {"NullFirstInRow", query, classic, packets({"01", column, eof, null_row, eof}), "eof-columns eof"},
      {"NullFirstInRowDeprecate", query, deprecate, packets({"01", column, null_row, ok_end}), "ok"},
      {"ThreeColumns", query, deprecate, packets({"03", column, column, column, "01 '1' fb 00", ok_end}), "ok"},
      {"ErrInsteadOfRows", query, classic, packets({"01", column, eof, row, err}), "eof-columns error"},
      {"ErrInColumns", query, deprecate, packets({"02", column, err}), "error"},
      {"ErrInsteadOfEof", query, classic, packets({"01", column, err}), "error"},
      {"BinaryRows", query, classic, packets({"01", column, eof, binary_row, binary_row, eof}), "eof-columns eof"},
      {"RowStartsFeButIsLong", query, classic, packets({"01", column, eof, "fe 01 00 00 00 00 00 00 00 'x'", eof}),
       "eof-columns eof"},
      {"OkThenRows", query, classic, packets({ok_more, "01", column, eof, row, eof}), "ok eof-columns eof"},
      {"TwoResultsets", query, classic, packets({"01", column, eof, row, eof_more, "01", column, eof, row, eof}),
       "eof-columns eof eof-columns eof"},
      {"TwoResultsetsDeprecate", query, deprecate, packets({"01", column, row, ok_end_more, "01", column, ok_end}),
       "ok ok"},
      {"CallEndsWithOk", query, classic, packets({"01", column, eof, row, eof_more, ok}), "eof-columns eof ok"},
      {"MoreThenErr", query, deprecate, packets({"01", column, row, ok_end_more, err}), "ok error"},
      {"Cursor", cursor, classic, packets({"01", column, eof_cursor}), "eof-columns"},
      {"CursorDeprecate", cursor, deprecate, packets({"01", column, ok_end_cursor}), "ok"},
      {"CursorNotOpened", cursor, classic, packets({"01", column, eof, row, eof}), "eof-columns eof"},
      {"CursorOfABlock", query, classic, packets({"01", column, eof_cursor, row, eof_cursor}), "eof-columns eof"},
      {"CursorOfABlockDeprecate", query, deprecate, packets({"01", column, row, ok_end_cursor}), "ok"},
      {"CursorOfARoutine", cursor, classic,
       packets({"01", column, eof_cursor_more, row, eof_cursor_more, "01", column, eof_cursor_more, row,
                eof_cursor_more, ok_cursor}),
       "eof-columns eof eof-columns eof ok"},
      {"CursorOfARoutineDeprecate", cursor, deprecate,
       packets({"01", column, row, ok_end_cursor_more, "01", column, row, ok_end_cursor_more, ok_cursor}), "ok ok ok"},
      {"SessionState", query, tracking, packets({"00 01 00 02 40 00 00 00 11 00 0f 0a 'autocommit' 03 'OFF'"}), "ok"},
      {"LocalInfile", query, classic, join({packets({"fb '/tmp/f'"}), packets({ok}, 4)}), "local_infile ok"},
      {"LocalInfileErr", query, classic, join({packets({"fb '/tmp/f'"}), packets({err}, 4)}), "local_infile error"},
      {"Prepare", prepare, classic, packets({"00 01 00 00 00 00 00 00 00 00 00 00"}), "prepare_ok"},
      {"PrepareParams", prepare, classic, packets({"00 01 00 00 00 00 00 02 00 00 00 00", column, column, eof}),
       "prepare_ok eof-columns"},
      {"PrepareColumns", prepare, classic, packets({"00 01 00 00 00 01 00 00 00 00 00 00", column, eof}),
       "prepare_ok eof-columns"},
      {"PrepareBoth", prepare, classic,
       packets({"00 01 00 00 00 01 00 02 00 00 00 00", column, column, eof, column, eof}),
       "prepare_ok eof-columns eof-columns"},
      {"PrepareNothingDeprecate", prepare, deprecate, packets({"00 01 00 00 00 00 00 00 00 00 00 00"}), "prepare_ok"},
      {"PrepareBothDeprecate", prepare, deprecate,
       packets({"00 01 00 00 00 01 00 02 00 00 00 00", column, column, column}), "prepare_ok"},
      {"PrepareErr", prepare, classic, packets({err}), "error"},
      {"Fetch", rows, classic, packets({binary_row, binary_row, eof_cursor}), "eof"},
      {"FetchEnd", rows, classic, packets({"fe 00 00 82 00"}), "eof"},
      {"FetchDeprecate", rows, deprecate, packets({binary_row, ok_end_cursor}), "ok"},
      {"FetchIgnoresMoreResults", rows, classic, packets({binary_row, eof_more}), "eof"},
      {"FieldList", field_list, classic, packets({column, column, eof}), "eof"},
      {"FieldListDeprecate", field_list, deprecate, packets({column, ok_end}), "ok"},
      {"Statistics", text, classic, packets({"'Uptime: 7  Threads: 1'"}), ""},
      {"StatisticsErr", text, classic, packets({err}), "error"},
      {"CachedMetadata", query, deprecate | cap::mariadb_cache_metadata, packets({"02 00", "01 '1' fb", ok_end}), "ok"},
      {"UncachedMetadata", query, deprecate | cap::mariadb_cache_metadata, packets({"01 01", column, row, ok_end}),
       "ok"},
      // Captured from MariaDB 10.11: an EOF after columns that has more_results; a field list with a NULL default; the
      // info of an UPDATE, which has its length in front though nothing tracks sessions.
      {"CapturedMultiStatement", query, classic,
       packets({"01", column, "fe 00 00 2a 00", "01 '2'", "fe 00 00 2a 00", "01", column, "fe 00 00 02 00", "01 '2'",
                "fe 00 00 02 00"}),
       "eof-columns eof eof-columns eof"},
      {"CapturedFieldList", field_list, deprecate,
       packets({"03 'def' 01 'd' 01 't' 01 't' 01 'a' 01 'a' 0c 3f 00 0b 00 00 00 03 00 00 00 00 00 fb",
                "fe 00 00 02 00 00 00"}),
       "ok"},
      {"CapturedUpdate", query, classic,
       packets({"00 01 00 22 00 00 00 28 'Rows matched: 1  Changed: 1  Warnings: 0'"}), "ok"},
      {"SequenceWraps", query, deprecate, packets({"01", column, row, row, ok_end}, 253), "ok"},
  };
  return cases;
}

}  // namespace sluice::protocol
