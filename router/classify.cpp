#include "router/classify.hpp"

#include <algorithm>
#include <utility>

#include "router/classify_family.hpp"

namespace sluice::router {
namespace {

// Of a text that is too long, so much is looked at to tell what kind it is.
constexpr std::size_t glance_bytes = 4096;

bool has_high_bytes(std::string_view text) {
  return std::any_of(text.begin(), text.end(), [](char c) { return static_cast<unsigned char>(c) >= 0x80; });
}

// In gbk, sjis, big5, cp932 and gb18030 a backslash or backtick behind such a byte may be half of a character, so that
// a quote ends elsewhere than it seems.
bool may_hide_quotes(std::string_view text) {
  for (std::size_t i = 1; i < text.size(); ++i) {
    if ((text[i] == '\\' || text[i] == '`') && static_cast<unsigned char>(text[i - 1]) >= 0x80) return true;
  }
  return false;
}

void finish(Classification& c) {
  if (any(c.pin)) leader(c, "ties the session to its connection");
  if (c.replica_safe) return;
  if (c.reason.empty()) c.reason = not_understood;
}

// Joins what the next statement of one text does. Any of them may fail and end the text there, so what is in doubt
// stays pinned.
void join(Classification& c, Classification&& next) {
  c.multi = true;
  if (next.transaction != TransactionEffect::none) c.transaction = next.transaction;
  c.pin |= next.pin;
  c.unpin = (c.unpin | next.unpin) & ~c.pin;
  c.needs.last_insert_id = c.needs.last_insert_id || next.needs.last_insert_id;
  c.needs.diagnostics = c.needs.diagnostics || next.needs.diagnostics;
  c.needs.sequence_value = c.needs.sequence_value || next.needs.sequence_value;
  if (next.sets_autocommit_off || next.sets_autocommit_on) {
    c.sets_autocommit_off = next.sets_autocommit_off;
    c.sets_autocommit_on = next.sets_autocommit_on;
  }
  c.sets_next_transaction = c.sets_next_transaction || next.sets_next_transaction;
  c.sets_global = c.sets_global || next.sets_global;
  c.sets_savepoint = c.sets_savepoint || next.sets_savepoint;
  c.sets_last_insert_id = c.sets_last_insert_id || next.sets_last_insert_id;
  c.takes_sequence_value = c.takes_sequence_value || next.takes_sequence_value;
  c.tells_changes = c.tells_changes || next.tells_changes;
  c.kills = c.kills || next.kills;
  c.calls_stored = c.calls_stored || next.calls_stored;
  if (!next.schema.empty()) c.schema = next.schema;
  // Any of them ties the session, see `read`: what is over the bound is not missed.
  const std::size_t taken = std::min(next.assignments.size(), assignments_max - c.assignments.size());
  std::move(next.assignments.begin(), next.assignments.begin() + static_cast<std::ptrdiff_t>(taken),
            std::back_inserter(c.assignments));
  c.read_backs.insert(c.read_backs.end(), next.read_backs.begin(), next.read_backs.end());
  if (!next.replica_safe) leader(c, next.reason);
}

// Which of several statements was the last to set what, or whether it was reached, isn't looked at.
void give_up_reading_back(Classification& c) {
  if (c.read_backs.empty()) return;
  c.read_backs.clear();
  c.pin = (c.pin & ~Pin::unread_setting) | Pin::unknown_setting;
}

struct Reading {
  Classification result;
  int doubtful_comments = 0;
  bool rejected = false;  // a single statement that the server can't parse: nothing of it runs
};

Reading read(std::string_view sql, const Dialect& dialect, Doubtful doubtful) {
  Reading reading;
  Classification& result = reading.result;
  Cursor cursor(sql, dialect, doubtful);
  for (bool first = true;; first = false) {
    while (cursor.token().kind == TokenKind::semicolon) cursor.advance();
    if (cursor.token().kind == TokenKind::end) break;
    if (first) {
      classify_statement({cursor, result, dialect});
      finish(result);
    } else {
      Classification next;
      classify_statement({cursor, next, dialect});
      finish(next);
      join(result, std::move(next));
    }
    if (cursor.token().kind == TokenKind::bad) break;
  }
  if (result.kind == StatementKind::empty && result.reason.empty()) result.reason = "empty";
  if (result.multi) give_up_reading_back(result);
  if (result.multi && (!result.assignments.empty() || !result.schema.empty())) {
    result.pin |= Pin::unknown_statement;
    leader(result, "settings among several statements");
  }
  if (cursor.token().kind == TokenKind::bad) {
    result.replica_safe = false;
    result.reason = cursor.token().text;
    reading.rejected = !result.multi;
  }
  if (!cursor.lexer().doubt().empty()) {
    leader(result, cursor.lexer().doubt());
    result.pin |= Pin::unknown_statement;
  }
  reading.doubtful_comments = cursor.lexer().doubtful_comments();
  return reading;
}

bool same_assignments(const Classification& a, const Classification& b) {
  return std::equal(a.assignments.begin(), a.assignments.end(), b.assignments.begin(), b.assignments.end(),
                    [](const Assignment& x, const Assignment& y) { return x.name == y.name && x.value == y.value; });
}

bool same_effects(const Classification& a, const Classification& b) {
  return a.kind == b.kind && a.transaction == b.transaction && a.pin == b.pin && a.unpin == b.unpin &&
         a.needs.last_insert_id == b.needs.last_insert_id && a.needs.diagnostics == b.needs.diagnostics &&
         a.needs.sequence_value == b.needs.sequence_value && a.takes_sequence_value == b.takes_sequence_value &&
         a.kills == b.kills && a.reads_tables == b.reads_tables && a.calls_stored == b.calls_stored &&
         a.tells_changes == b.tells_changes && a.replica_safe == b.replica_safe && a.multi == b.multi &&
         a.sets_autocommit_off == b.sets_autocommit_off && a.sets_autocommit_on == b.sets_autocommit_on &&
         a.sets_next_transaction == b.sets_next_transaction && a.sets_global == b.sets_global &&
         a.sets_savepoint == b.sets_savepoint && a.sets_last_insert_id == b.sets_last_insert_id &&
         a.schema == b.schema && a.read_backs == b.read_backs && same_assignments(a, b);
}

// The server may read the text in either way.
Reading reconcile(Reading&& one, Reading&& other, std::string_view why) {
  if (one.doubtful_comments < 2 && same_effects(one.result, other.result)) return std::move(one);
  Classification& c = one.result;
  give_up_reading_back(c);
  give_up_reading_back(other.result);
  c.pin |= other.result.pin | Pin::unknown_statement;
  c.kills = c.kills || other.result.kills;
  c.unpin = Pin::none;
  c.replica_safe = false;
  c.reason = why;
  return std::move(one);
}

Reading read_comments(std::string_view sql, const Dialect& dialect) {
  Reading reading = read(sql, dialect, Doubtful::run);
  if (reading.doubtful_comments == 0) return reading;
  return reconcile(std::move(reading), read(sql, dialect, Doubtful::skip),
                   "executable comment that depends on the server's version");
}

// The same for quotes: a reading that the server could only refuse has no effects to speak of.
Reading agree(Reading&& one, Reading&& other) {
  if (other.rejected) return std::move(one);
  if (one.rejected) return std::move(other);
  return reconcile(std::move(one), std::move(other), "quotes that depend on a sql_mode that is not known yet");
}

// Reads it in every way that the unknown parts of sql_mode leave open.
Reading read_quotes(std::string_view sql, Dialect dialect) {
  if (!dialect.ansi_known && sql.find('"') != std::string_view::npos) {
    dialect.ansi_known = true;
    Reading one = read_quotes(sql, dialect);
    dialect.ansi_quotes = !dialect.ansi_quotes;
    return agree(std::move(one), read_quotes(sql, dialect));
  }
  if (!dialect.backslash_known && sql.find('\\') != std::string_view::npos) {
    dialect.backslash_known = true;
    Reading one = read_quotes(sql, dialect);
    dialect.no_backslash_escapes = !dialect.no_backslash_escapes;
    return agree(std::move(one), read_quotes(sql, dialect));
  }
  return read_comments(sql, dialect);
}

}  // namespace

Classification classify(std::string_view sql, const Dialect& dialect) {
  const bool too_long = sql.size() > classify_bytes_max;
  if (too_long) sql = sql.substr(0, glance_bytes);
  Classification c = std::move(read_quotes(sql, dialect).result);
  if (too_long) {
    c.pin |= Pin::unknown_statement;
    c.replica_safe = false;
    c.reason = "too long to look into";
  }
  if (!dialect.ascii_safe && has_high_bytes(sql)) {
    leader(c, "non-ASCII text in a charset whose characters may hold quotes");
    if (c.kind == StatementKind::set) c.pin |= Pin::unknown_setting;
    if (may_hide_quotes(sql)) c.pin |= Pin::unknown_statement;
  }
  return c;
}

void classify_statement(Statement s) {
  if (s.cursor.token().is('(')) return classify_query(s);
  switch (s.cursor.token().word->keyword) {
    case Keyword::select:
    case Keyword::with:
    case Keyword::values:
    case Keyword::table:
      return classify_query(s);
    case Keyword::show:
      return classify_show(s);
    case Keyword::explain:
    case Keyword::describe:
    case Keyword::desc:
      return classify_explain(s);
    case Keyword::analyze:
      return classify_analyze(s);
    case Keyword::set:
      return classify_set(s);
    case Keyword::begin:
    case Keyword::start:
    case Keyword::commit:
    case Keyword::rollback:
    case Keyword::savepoint:
    case Keyword::release:
    case Keyword::xa:
      return classify_transaction(s);
    case Keyword::insert:
    case Keyword::replace:
    case Keyword::update:
    case Keyword::delete_:
    case Keyword::call:
    case Keyword::do_:
    case Keyword::load:
      return classify_write(s);
    case Keyword::create:
    case Keyword::alter:
    case Keyword::drop:
    case Keyword::rename:
    case Keyword::truncate:
    case Keyword::grant:
    case Keyword::revoke:
      return classify_definition(s);
    default:
      return classify_other(s);
  }
}

}  // namespace sluice::router
