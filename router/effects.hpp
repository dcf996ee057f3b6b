// What the expressions of a statement do besides being computed: locks, variables, sequences, calls of stored
// functions, questions about the server itself.
//
// Flow: `EffectScan scan(cursor, classification, dialect); scan.run();` walks to the end of the statement and notes
// what it meets; `scan.step()` walks over one token.
#pragma once

#include "router/classify.hpp"
#include "router/cursor.hpp"

namespace sluice::router {

// Not for a replica; the first reason stays.
void leader(Classification& c, std::string_view reason);

class EffectScan {
 public:
  EffectScan(Cursor& cursor, Classification& result, const Dialect& dialect)
      : cursor_(cursor), result_(result), dialect_(dialect) {}

  void run() {
    while (!cursor_.at_end()) step();
  }
  // Up to a "," or, if asked, a FOR that stands outside of all parentheses.
  void run_to_comma(bool stop_at_for);
  // Looks at the current token and goes on to the next one.
  void step();
  // Over a "(" that stands where no call can be.
  void open_group() {
    ++depth_;
    cursor_.advance();
  }
  // In front of what a statement writes to, and of which columns: up to the first value "name (" is no call there.
  void open_header() { header_ = true; }
  // At a WITH that opens a list of common table expressions.
  void open_cte_list() { set_cte_level(true); }

 private:
  void open_paren();
  void close_paren();
  void close_header(Keyword keyword);
  void called_stored();
  void keyword(const Token& token);
  void writing_keyword(const Token& token);
  void name(const Token& token);
  void note_table();
  void called(const Word& function);
  void sequence_value(bool takes, std::string_view reason);
  void system_variable(std::string_view text);
  [[nodiscard]] bool names_a_list() const;
  [[nodiscard]] bool at_cte_level() const { return depth_ < 64 && ((cte_levels_ >> depth_) & 1U) != 0; }
  void set_cte_level(bool on);

  Cursor& cursor_;
  Classification& result_;
  const Dialect& dialect_;
  int depth_ = 0;
  std::uint64_t cte_levels_ = 0;  // bit d: at depth d a list of common table expressions is open
  bool json_table_ = false;
  bool header_ = false;
  bool selects_ = false;
};

}  // namespace sluice::router
