#include "proxy/kill_statement.hpp"

#include <algorithm>
#include <charconv>
#include <limits>

#include "router/cursor.hpp"

namespace sluice::proxy {

using router::Cursor;
using router::Token;
using router::TokenKind;

namespace {

bool accept_word(Cursor& cursor, std::string_view word) {  // in lower case
  if (cursor.token().kind != TokenKind::word || !router::equals_folded(cursor.token().text, word)) return false;
  cursor.advance();
  return true;
}

bool is_plain_number(const Token& token) {
  return token.kind == TokenKind::number &&
         std::all_of(token.text.begin(), token.text.end(), [](char c) { return c >= '0' && c <= '9'; });
}

std::uint64_t value_of(std::string_view digits) {
  std::uint64_t id = 0;
  const auto [end, failed] = std::from_chars(digits.data(), digits.data() + digits.size(), id);
  return failed == std::errc{} ? id : std::numeric_limits<std::uint64_t>::max();
}

}  // namespace

std::string KillStatement::with_id(std::uint64_t number) const {
  std::string text = "KILL ";
  if (soft) text += "SOFT ";
  if (query_only) text += "QUERY ";
  return text + std::to_string(number);
}

KillStatement parse_kill(std::string_view sql, const router::Dialect& dialect) {
  KillStatement kill;
  Cursor cursor(sql, dialect, router::Doubtful::run);
  if (!cursor.accept(router::Keyword::kill)) return kill;
  if (dialect.mariadb) {
    kill.soft = accept_word(cursor, "soft");
    if (!kill.soft) accept_word(cursor, "hard");
  }
  kill.query_only = accept_word(cursor, "query");
  if (!kill.query_only) accept_word(cursor, "connection");
  if (dialect.mariadb && (accept_word(cursor, "user") || (kill.query_only && accept_word(cursor, "id")))) return kill;
  if (cursor.at_end()) return kill;
  const Token first = cursor.token();
  Token last = first;
  bool queries = false;
  int depth = 0;  // it is put into parentheses: none of its own may end those
  for (; !cursor.at_end() && depth >= 0; cursor.advance()) {
    last = cursor.token();
    depth += last.is('(') ? 1 : last.is(')') ? -1 : 0;
    queries = queries || last.is(router::Keyword::select) || last.is(router::Keyword::with) ||
              last.is(router::Keyword::values) || last.is(router::Keyword::table);
  }
  if (cursor.token().kind == TokenKind::bad || depth != 0) return kill;
  if (last.text.data() == first.text.data() && is_plain_number(first)) {
    kill.target = KillStatement::Target::id;
    kill.id = value_of(first.text);
    return kill;
  }
  kill.target = KillStatement::Target::expression;
  if (queries) return kill;
  kill.expression = {first.text.data(),
                     static_cast<std::size_t>(last.text.data() + last.text.size() - first.text.data())};
  return kill;
}

}  // namespace sluice::proxy
