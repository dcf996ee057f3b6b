// SELECT and its like, SHOW, EXPLAIN, ANALYZE.
#include "router/classify_family.hpp"

namespace sluice::router {
namespace {

constexpr std::string_view one_servers_state = "shows the state of one server";

// Behind SHOW CREATE: definitions that replicate. Not those of events: a replica shows them as disabled there.
bool is_shown_definition(const Token& token) {
  switch (token.word->keyword) {
    case Keyword::table:
    case Keyword::view:
    case Keyword::database:
    case Keyword::schema:
    case Keyword::procedure:
    case Keyword::function:
    case Keyword::trigger:
    case Keyword::sequence:
    case Keyword::package:
      return true;
    default:
      return false;
  }
}

// Behind SHOW: true if every server of a cluster answers alike.
bool shows_metadata(Cursor& cursor) {
  while (cursor.accept(Keyword::full) || cursor.accept(Keyword::extended)) {
  }
  const Keyword what = cursor.token().word->keyword;
  if (cursor.at_end()) return false;
  cursor.advance();
  switch (what) {
    case Keyword::tables:
    case Keyword::columns:
    case Keyword::fields:
    case Keyword::databases:
    case Keyword::schemas:
    case Keyword::index:
    case Keyword::indexes:
    case Keyword::keys:
    case Keyword::triggers:
    case Keyword::charset:
    case Keyword::collation:
      return true;
    case Keyword::character:
      return cursor.at(Keyword::set);
    case Keyword::table:
    case Keyword::procedure:
    case Keyword::function:
      return cursor.at(Keyword::status);
    case Keyword::create:
      return is_shown_definition(cursor.token());
    default:
      return false;
  }
}

bool asks_diagnostics(Cursor& cursor) {
  return cursor.at(Keyword::warnings) || cursor.at(Keyword::errors) || cursor.at(Keyword::count);
}

bool opens_query(const Token& token) {
  return token.is('(') || token.is(Keyword::select) || token.is(Keyword::with) || token.is(Keyword::values) ||
         token.is(Keyword::table);
}

// A statement in another one; what it does to the session is the same, the kind is the outer one's if it only reads.
void classify_inner(Statement s) {
  if (s.nesting >= nesting_max) {
    leader(s.result, not_understood);
    return scan_rest(s);
  }
  ++s.nesting;
  classify_statement(s);
}

}  // namespace

void note_release_of_all(const Statement& s) {
  Cursor ahead = s.cursor;
  ahead.accept(Keyword::select);
  if (ahead.token().word->function != FunctionClass::release_all_locks) return;
  ahead.advance();
  if (ahead.accept('(') && ahead.accept(')') && ahead.at_end()) s.result.unpin |= Pin::user_lock;
}

void classify_query(Statement s) {
  s.result.kind = StatementKind::select;
  s.result.replica_safe = true;
  if (s.cursor.at(Keyword::select)) note_release_of_all(s);
  EffectScan scan(s.cursor, s.result, s.dialect);
  while (s.cursor.token().is('(')) scan.open_group();
  if (!opens_query(s.cursor.token())) {
    s.result.kind = StatementKind::other;
    leader(s.result, not_understood);
  }
  if (s.cursor.at(Keyword::with)) scan.open_cte_list();
  scan.run();
}

void classify_show(Statement s) {
  s.result.kind = StatementKind::show;
  s.cursor.advance();
  if (asks_diagnostics(s.cursor)) {
    s.result.needs.diagnostics = true;
    leader(s.result, "asks about the statement before it");
    // SHOW COUNT(*) must not be taken for a call.
    while (!s.cursor.at_end()) s.cursor.advance();
    return;
  }
  s.result.replica_safe = shows_metadata(s.cursor);
  if (!s.result.replica_safe) leader(s.result, one_servers_state);
  // PROCEDURE and FUNCTION name things here, they are no clauses.
  if (s.cursor.at(Keyword::procedure)) s.cursor.advance();
  scan_rest(s);
}

void classify_explain(Statement s) {
  s.cursor.advance();
  s.result.kind = StatementKind::explain;
  for (;;) {
    if (s.cursor.accept(Keyword::extended) || s.cursor.accept(Keyword::partitions) ||
        s.cursor.accept(Keyword::analyze)) {
      continue;
    }
    if (!s.cursor.accept(Keyword::format)) break;
    if (!s.cursor.accept('=')) break;
    if (!s.cursor.at_end()) s.cursor.advance();
  }
  if (opens_query(s.cursor.token())) {
    classify_inner(s);
    s.result.kind = StatementKind::explain;
    return;
  }
  if (s.cursor.at(Keyword::for_)) {
    leader(s.result, one_servers_state);
    return scan_rest(s);
  }
  const Keyword next = s.cursor.token().word->keyword;
  const bool of_write = next == Keyword::update || next == Keyword::delete_ || next == Keyword::insert ||
                        next == Keyword::replace || next == Keyword::set || next == Keyword::alter;
  if (of_write || !s.cursor.token().is_name()) {
    leader(s.result, "explains a write");
  } else {
    s.result.replica_safe = true;  // DESCRIBE <table>
  }
  scan_rest(s);
}

void classify_analyze(Statement s) {
  s.cursor.advance();
  if (s.cursor.accept(Keyword::format)) {
    if (s.cursor.accept('=') && !s.cursor.at_end()) s.cursor.advance();
  }
  const bool runs_query = opens_query(s.cursor.token()) && !s.cursor.at(Keyword::table);
  if (runs_query) {
    classify_inner(s);
    if (s.result.kind == StatementKind::select) s.result.kind = StatementKind::explain;
    return;
  }
  switch (s.cursor.token().word->keyword) {
    case Keyword::update:
    case Keyword::delete_:
    case Keyword::insert:
    case Keyword::replace:
      return classify_inner(s);  // it is run, not only explained
    default:
      break;
  }
  s.result.kind = StatementKind::maintenance;
  s.result.transaction = TransactionEffect::implicit_commit;
  leader(s.result, "maintains tables");
  scan_rest(s);
}

}  // namespace sluice::router
