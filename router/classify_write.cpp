// Statements that change rows, CALL and DO.
#include "router/classify_family.hpp"

namespace sluice::router {
namespace {

StatementKind kind_of(Keyword verb) {
  switch (verb) {
    case Keyword::insert:
      return StatementKind::insert;
    case Keyword::replace:
      return StatementKind::replace;
    case Keyword::update:
      return StatementKind::update;
    case Keyword::delete_:
      return StatementKind::delete_;
    case Keyword::call:
      return StatementKind::call;
    case Keyword::do_:
      return StatementKind::do_;
    default:
      return StatementKind::load_data;
  }
}

bool has_header(StatementKind kind) {
  return kind == StatementKind::insert || kind == StatementKind::replace || kind == StatementKind::load_data;
}

}  // namespace

void classify_write(Statement s) {
  s.result.kind = kind_of(s.cursor.token().word->keyword);
  s.cursor.advance();
  switch (s.result.kind) {
    case StatementKind::call:
      // A procedure may set user variables and leave temporary tables or locks behind; nothing in the answer tells.
      s.result.pin |= Pin::unknown_statement;
      leader(s.result, "calls a stored procedure");
      break;
    case StatementKind::do_:
      leader(s.result, "DO");
      note_release_of_all(s);
      break;
    case StatementKind::load_data:
      if (s.cursor.at(Keyword::index)) {
        s.result.kind = StatementKind::maintenance;
        s.result.transaction = TransactionEffect::implicit_commit;
      }
      leader(s.result, writes);
      break;
    default:
      leader(s.result, writes);
      break;
  }
  EffectScan scan(s.cursor, s.result, s.dialect);
  if (has_header(s.result.kind)) scan.open_header();
  scan.run();
}

}  // namespace sluice::router
