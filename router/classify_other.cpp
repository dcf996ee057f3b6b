// What doesn't read rows and doesn't write them: USE, locks, text-protocol prepared statements, administration.
#include "router/classify_family.hpp"

namespace sluice::router {
namespace {

constexpr std::string_view table_locks = "table locks";
constexpr std::string_view administers = "administers the server";
constexpr std::string_view text_prepared = "text-protocol prepared statement";

void classify_use(Statement s) {
  s.result.kind = StatementKind::use;
  s.result.tells_changes = true;
  s.cursor.advance();
  const Token name = s.cursor.token();
  if (!name.is_name()) {
    leader(s.result, not_understood);
    return scan_rest(s);
  }
  s.cursor.advance();
  if (!s.cursor.at_end()) {
    leader(s.result, not_understood);
    return scan_rest(s);
  }
  s.result.replica_safe = true;
  s.result.schema = name.text;
  if (name.kind != TokenKind::quoted_name) return;
  const char quote = name.text.front();
  s.result.schema = name.text.substr(1, name.text.size() - 2);
  // The borrowed text would need its doubled quotes undone.
  if (s.result.schema.find(quote) != std::string_view::npos) {
    s.result.schema = {};
    s.result.pin |= Pin::unknown_setting;
  }
}

void classify_lock(Statement s, bool lock) {
  s.result.kind = lock ? StatementKind::lock_tables : StatementKind::unlock_tables;
  leader(s.result, table_locks);
  if (lock) {
    s.result.pin |= Pin::table_lock;
    s.result.transaction = TransactionEffect::implicit_commit;
  } else {
    s.result.unpin |= Pin::table_lock;
  }
  s.cursor.advance();
  if (s.cursor.at(Keyword::instance)) {
    // MySQL's backup lock doesn't touch the transaction, and UNLOCK TABLES doesn't lift it.
    s.result.transaction = TransactionEffect::none;
    s.result.unpin = Pin::none;
  }
  scan_rest(s);
}

// BACKUP STAGE START … END, BACKUP LOCK t, BACKUP UNLOCK (MariaDB).
void classify_backup(Statement s) {
  s.result.kind = StatementKind::maintenance;
  s.result.transaction = TransactionEffect::implicit_commit;
  leader(s.result, "backup lock");
  s.cursor.advance();
  if (!s.cursor.at(Keyword::unlock)) s.result.pin |= Pin::table_lock;
  scan_rest(s);
}

void classify_maintenance(Statement s) {
  const bool flush = s.cursor.at(Keyword::flush);
  s.result.kind = StatementKind::maintenance;
  s.result.transaction = TransactionEffect::implicit_commit;
  leader(s.result, administers);
  s.cursor.advance();
  // FLUSH TABLES WITH READ LOCK, … FOR EXPORT, … AND DISABLE CHECKPOINT
  EffectScan scan(s.cursor, s.result, s.dialect);
  while (!s.cursor.at_end()) {
    const bool locks = s.cursor.at(Keyword::lock) || s.cursor.at(Keyword::for_) || s.cursor.at(Keyword::and_);
    if (flush && locks) s.result.pin |= Pin::table_lock;
    scan.step();
  }
}

void classify_execute(Statement s) {
  s.result.kind = StatementKind::execute;
  leader(s.result, text_prepared);
  s.cursor.advance();
  if (s.cursor.at(Keyword::immediate)) s.result.pin |= Pin::unknown_statement;
  scan_rest(s);
}

void classify_plain(Statement s, StatementKind kind, std::string_view reason) {
  s.result.kind = kind;
  leader(s.result, reason);
  scan_rest(s);
}

}  // namespace

void classify_other(Statement s) {
  switch (s.cursor.token().word->keyword) {
    case Keyword::use:
      return classify_use(s);
    case Keyword::lock:
      return classify_lock(s, true);
    case Keyword::unlock:
      return classify_lock(s, false);
    case Keyword::backup:
      return classify_backup(s);
    case Keyword::flush:
    case Keyword::reset:
    case Keyword::optimize:
    case Keyword::repair:
    case Keyword::check:
      return classify_maintenance(s);
    case Keyword::execute:
      return classify_execute(s);
    case Keyword::prepare:
      s.result.pin |= Pin::text_prepare;
      return classify_plain(s, StatementKind::prepare, text_prepared);
    case Keyword::deallocate:
      return classify_plain(s, StatementKind::deallocate, text_prepared);
    case Keyword::handler:
      s.result.pin |= Pin::handler;
      return classify_plain(s, StatementKind::handler, "HANDLER");
    case Keyword::kill:
      s.result.kills = true;
      return classify_plain(s, StatementKind::kill, administers);
    case Keyword::get:
      s.result.needs.diagnostics = true;
      s.result.pin |= Pin::user_variable;  // outside of routines it can only answer into those
      s.cursor.advance();
      return classify_plain(s, StatementKind::other, "asks about the statement before it");
    case Keyword::checksum:
    case Keyword::change:
    case Keyword::stop:
    case Keyword::purge:
    case Keyword::binlog:
    case Keyword::install:
    case Keyword::uninstall:
    case Keyword::shutdown:
    case Keyword::restart:
    case Keyword::clone:
      return classify_plain(s, StatementKind::maintenance, administers);
    case Keyword::help:
    case Keyword::signal:
    case Keyword::resignal:
      return classify_plain(s, StatementKind::other, "runs on the leader");
    default:
      break;
  }
  // Compound statements outside of routines (IF …, LOOP …, DECLARE …) and whatever servers learn in times to come.
  s.result.pin |= s.cursor.token().kind == TokenKind::bad ? Pin::none : Pin::unknown_statement;
  classify_plain(s, StatementKind::other, not_understood);
}

}  // namespace sluice::router
