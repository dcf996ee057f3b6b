// Transaction control: BEGIN, START TRANSACTION, COMMIT, ROLLBACK, SAVEPOINT, RELEASE SAVEPOINT, XA.
#include "router/classify_family.hpp"

namespace sluice::router {
namespace {

constexpr std::string_view control = "transaction control";

// The rest doesn't belong there: the server refuses it, or it isn't what it looked like.
void expect_end(const Statement& s) {
  if (s.cursor.at_end()) return;
  leader(s.result, not_understood);
  s.result.pin |= Pin::unknown_statement;
  scan_rest(s);
}

void classify_begin(Statement s) {
  s.cursor.advance();
  s.cursor.accept(Keyword::work);
  if (!s.cursor.at_end()) {
    // BEGIN NOT ATOMIC …, or a block in Oracle mode: statements that can't be seen through.
    s.result.kind = StatementKind::other;
    s.result.pin |= Pin::unknown_statement;
    leader(s.result, "compound statement");
    return scan_rest(s);
  }
  s.result.kind = StatementKind::begin;
  s.result.transaction = TransactionEffect::begin;
  leader(s.result, control);
}

void classify_start(Statement s) {
  s.cursor.advance();
  if (!s.cursor.accept(Keyword::transaction)) {
    s.result.kind = StatementKind::maintenance;
    leader(s.result, "administers the server");
    return scan_rest(s);
  }
  bool read_only = false;
  do {
    if (s.cursor.accept(Keyword::read)) {
      if (s.cursor.accept(Keyword::only)) {
        read_only = true;
      } else {
        s.cursor.accept(Keyword::write);
      }
    } else if (s.cursor.accept(Keyword::with)) {
      s.cursor.accept(Keyword::consistent);
      s.cursor.accept(Keyword::snapshot);
    }
  } while (s.cursor.accept(','));
  s.result.kind = StatementKind::begin;
  s.result.transaction = read_only ? TransactionEffect::begin_read_only : TransactionEffect::begin;
  s.result.replica_safe = read_only;
  if (!read_only) leader(s.result, control);
  expect_end(s);
}

// Behind COMMIT [WORK] and ROLLBACK [WORK].
void classify_completion(Statement s) {
  s.result.transaction = TransactionEffect::end;
  if (s.cursor.accept(Keyword::and_)) {
    const bool no_chain = s.cursor.accept(Keyword::no);
    if (!s.cursor.accept(Keyword::chain)) return expect_end(s);
    if (!no_chain) s.result.transaction = TransactionEffect::end_and_chain;
  }
  const bool no_release = s.cursor.accept(Keyword::no);
  if (s.cursor.accept(Keyword::release) && !no_release) s.result.transaction = TransactionEffect::end_and_release;
  expect_end(s);
}

void classify_rollback(Statement s) {
  s.cursor.advance();
  s.cursor.accept(Keyword::work);
  leader(s.result, control);
  if (s.cursor.at(Keyword::to)) {
    s.result.kind = StatementKind::savepoint;
    return scan_rest(s);
  }
  s.result.kind = StatementKind::rollback;
  classify_completion(s);
}

void classify_xa(Statement s) {
  s.cursor.advance();
  s.result.kind = StatementKind::xa;
  leader(s.result, "XA transaction");
  if (s.cursor.at(Keyword::commit) || s.cursor.at(Keyword::rollback)) {
    s.result.unpin |= Pin::xa;
  } else if (!s.cursor.at(Keyword::recover)) {
    s.result.pin |= Pin::xa;
  }
  scan_rest(s);
}

}  // namespace

void classify_transaction(Statement s) {
  switch (s.cursor.token().word->keyword) {
    case Keyword::begin:
      return classify_begin(s);
    case Keyword::start:
      return classify_start(s);
    case Keyword::commit:
      s.cursor.advance();
      s.cursor.accept(Keyword::work);
      s.result.kind = StatementKind::commit;
      leader(s.result, control);
      return classify_completion(s);
    case Keyword::rollback:
      return classify_rollback(s);
    case Keyword::xa:
      return classify_xa(s);
    default:
      break;
  }
  // SAVEPOINT x, RELEASE SAVEPOINT x
  s.result.sets_savepoint = s.cursor.at(Keyword::savepoint);
  s.result.kind = StatementKind::savepoint;
  leader(s.result, control);
  scan_rest(s);
}

}  // namespace sluice::router
