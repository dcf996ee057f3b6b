// Statements that define things: tables, routines, accounts. They commit the transaction that is open.
// Source: MySQL manual, "Statements That Cause an Implicit Commit".
#include "router/classify_family.hpp"

namespace sluice::router {
namespace {

struct Defined {
  bool temporary = false;
  bool account = false;
  bool has_body = false;  // statements of its own, so ";" doesn't end it
  bool prepared = false;  // DROP PREPARE
};

// What CREATE, ALTER or DROP is about. The words before it are few, but DEFINER = … may hold any name.
Defined read_object(Cursor& cursor) {
  Defined defined;
  for (int words = 0; words < 16 && !cursor.at_end(); ++words, cursor.advance()) {
    switch (cursor.token().word->keyword) {
      case Keyword::temporary:
        defined.temporary = true;
        break;
      case Keyword::user:
      case Keyword::role:
        defined.account = true;
        return defined;
      case Keyword::procedure:
      case Keyword::function:
      case Keyword::trigger:
      case Keyword::event:
      case Keyword::package:
        defined.has_body = true;
        return defined;
      case Keyword::prepare:
        defined.prepared = true;
        return defined;
      case Keyword::table:
      case Keyword::view:
      case Keyword::sequence:
      case Keyword::index:
      case Keyword::database:
      case Keyword::schema:
      case Keyword::server:
        return defined;
      default:
        break;
    }
  }
  return defined;
}

void skip_body(const Statement& s) {
  bool several = false;
  while (s.cursor.token().kind != TokenKind::end && s.cursor.token().kind != TokenKind::bad) {
    const bool separator = s.cursor.token().kind == TokenKind::semicolon;
    s.cursor.advance();
    several = several || (separator && s.cursor.token().kind != TokenKind::end);
  }
  // Whether what follows a ";" belongs to the body can't be told without parsing it.
  if (several) s.result.pin |= Pin::unknown_statement;
}

}  // namespace

void classify_definition(Statement s) {
  const Keyword verb = s.cursor.token().word->keyword;
  s.cursor.advance();
  s.result.kind = StatementKind::ddl;
  s.result.transaction = TransactionEffect::implicit_commit;
  if (verb == Keyword::grant || verb == Keyword::revoke || (verb == Keyword::rename && s.cursor.at(Keyword::user))) {
    s.result.kind = StatementKind::account;
    leader(s.result, "changes accounts");
    return scan_rest(s);
  }
  if (verb == Keyword::rename || verb == Keyword::truncate) {
    leader(s.result, writes);
    return scan_rest(s);
  }
  const Defined defined = read_object(s.cursor);
  if (defined.prepared) {
    s.result.kind = StatementKind::deallocate;
    s.result.tells_changes = true;
    s.result.transaction = TransactionEffect::none;
    leader(s.result, "text-protocol prepared statement");
    return scan_rest(s);
  }
  if (defined.account) s.result.kind = StatementKind::account;
  if (defined.temporary) {
    s.result.transaction = TransactionEffect::none;
    s.result.tells_changes = true;
    if (verb == Keyword::create) s.result.pin |= Pin::temporary_table;
  }
  leader(s.result, defined.account ? "changes accounts" : defined.temporary ? "temporary table" : writes);
  if (defined.has_body && verb != Keyword::drop) return skip_body(s);
  scan_rest(s);
}

}  // namespace sluice::router
