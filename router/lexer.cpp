#include "router/lexer.hpp"

#include <array>

namespace sluice::router {
namespace {

enum Class : std::uint8_t { space = 1, digit = 2, name = 4, hex = 8, high = 16 };

constexpr std::array<std::uint8_t, 256> make_classes() {
  std::array<std::uint8_t, 256> classes{};
  for (const unsigned char c : std::string_view(" \t\n\v\f\r")) classes[c] = space;
  for (unsigned c = '0'; c <= '9'; ++c) classes[c] = digit | name | hex;
  for (unsigned c = 'a'; c <= 'z'; ++c) classes[c] = classes[c - 32] = name;
  for (unsigned c = 'a'; c <= 'f'; ++c) classes[c] = classes[c - 32] = name | hex;
  classes['_'] = classes['$'] = name;
  for (unsigned c = 0x80; c <= 0xFF; ++c) classes[c] = name | high;
  return classes;
}
constexpr auto classes = make_classes();

bool is(unsigned char c, std::uint8_t mask) { return (classes[c] & mask) != 0; }

constexpr std::string_view unterminated_string = "quote that is never closed";
constexpr std::string_view unterminated_comment = "comment that is never closed";
constexpr std::string_view nul_byte = "NUL byte outside of a string";
constexpr std::string_view not_ascii = "non-ASCII text outside of quotes";
constexpr std::string_view odd_hint = "optimizer hint with an open quote";
constexpr std::string_view odd_version = "executable comment whose version number servers read differently";

// MariaDB leaves comments for these versions alone: they are meant for MySQL 5.7 and later.
constexpr std::uint32_t mysql_only_from = 50700;
constexpr std::uint32_t mysql_only_to = 99999;
// Every server that sluice supports is at least this old.
constexpr std::uint32_t oldest_version = 50600;

}  // namespace

Token Lexer::made(TokenKind kind, const char* start) const {
  Token token;
  token.kind = kind;
  token.spaced = spaced_;
  token.text = {start, static_cast<std::size_t>(at_ - start)};
  return token;
}

Token Lexer::bad(std::string_view reason) {
  failure_ = reason;
  at_ = end_;
  Token token;
  token.kind = TokenKind::bad;
  token.text = reason;
  return token;
}

Token Lexer::next() {
  if (!failure_.empty()) return bad(failure_);
  spaced_ = false;
  if (!skip_blanks()) return bad(failure_);
  const bool attached = attached_ && !spaced_;
  const bool after_name = after_name_ && !spaced_;
  attached_ = after_name_ = false;
  if (at_ == end_) return in_executable_ ? bad(unterminated_comment) : made(TokenKind::end, at_);

  const unsigned char c = peek();
  if (attached && is(c, name)) {
    const char* start = at_;
    skip_name_part();
    Token token = made(TokenKind::word, start);
    token.attached = after_name_ = true;
    return token;
  }
  if (is(c, digit)) return number();
  if (is(c, name)) return word();
  if (c == '.') {
    if (!after_name && is(peek(1), digit)) return fraction(at_);
    ++at_;
    attached_ = true;
    Token token = made(TokenKind::op, at_ - 1);
    token.op = '.';
    return token;
  }
  return punctuation();
}

// False: the rest can't be read, `failure_` says why.
bool Lexer::skip_blanks() {
  for (;;) {
    while (at_ != end_ && is(peek(), space)) {
      ++at_;
      spaced_ = true;
    }
    const unsigned char c = peek();
    if (c == '#') {
      skip_line();
    } else if (c == '-' && peek(1) == '-' && (at_ + 2 == end_ || peek(2) <= ' ' || peek(2) == 0x7F)) {
      // "--" opens a comment only before white space or a control character; the byte itself is part of the line.
      at_ += 2;
      skip_line();
    } else if (c == '/' && peek(1) == '*') {
      if (!skip_comment()) return false;
    } else if (c == '*' && in_executable_ && peek(1) == '/') {
      at_ += 2;
      in_executable_ = false;
    } else {
      return true;
    }
    spaced_ = true;
  }
}

// Stops at a NUL byte: the server ends the comment there, and then rejects the byte.
void Lexer::skip_line() {
  while (at_ != end_ && *at_ != '\n' && *at_ != '\0') ++at_;
}

bool Lexer::skip_comment() {
  at_ += 2;
  if (peek() == '!') {
    ++at_;
    return enter_executable_comment(false);
  }
  if (peek() == 'M' && peek(1) == '!' && dialect_.mariadb) {
    at_ += 2;
    return enter_executable_comment(true);
  }
  const bool hint = peek() == '+';
  const char* content = at_;
  if (!skip_plain_comment(false)) return false;
  if (hint) {
    // A server that parses hints knows quoted names in them, and "*/" inside of such a name does not end the comment.
    int quotes[3] = {0, 0, 0};
    for (const char* p = content; p != at_; ++p) {
      if (*p == '`') ++quotes[0];
      if (*p == '"') ++quotes[1];
      if (*p == '\'') ++quotes[2];
    }
    if (((quotes[0] | quotes[1] | quotes[2]) & 1) != 0) doubt_ = odd_hint;
  }
  return true;
}

// Behind "/*": up to behind its "*/". A skipped executable comment may hold one level of comments.
bool Lexer::skip_plain_comment(bool nested) {
  for (; end_ - at_ >= 2; ++at_) {
    if (at_[0] == '*' && at_[1] == '/') {
      at_ += 2;
      return true;
    }
    if (nested && at_[0] == '/' && at_[1] == '*') {
      at_ += 2;
      if (!skip_plain_comment(false)) return false;
      --at_;
    }
  }
  failure_ = unterminated_comment;
  return false;
}

bool Lexer::enter_executable_comment(bool mariadb_form) {
  std::ptrdiff_t length = 0;
  std::uint32_t version = 0;
  while (length < 6 && is(peek(length), digit)) version = version * 10 + (peek(length++) - '0');
  if (length < 5) {
    // No version: always run. Fewer than five digits are code.
    in_executable_ = true;
    return true;
  }
  // Old MySQL servers read five digits at most and take the sixth for code.
  if (length == 6 && !dialect_.mariadb) doubt_ = odd_version;
  if (runs(version, mariadb_form)) {
    at_ += length;
    in_executable_ = true;
    return true;
  }
  return skip_plain_comment(true);
}

bool Lexer::runs(std::uint32_t version, bool mariadb_form) {
  if (dialect_.mariadb && !mariadb_form && version >= mysql_only_from && version <= mysql_only_to) return false;
  if (version <= oldest_version) return true;
  const std::uint32_t server = dialect_.server_version;
  // Servers of one cluster may differ in the last part of their version.
  if (server == 0 || (version / 100 == server / 100 && version % 100 != 0)) {
    note_doubtful(version);
    return doubtful_ == Doubtful::run;
  }
  return version <= server;
}

void Lexer::note_doubtful(std::uint32_t version) {
  if (doubtful_count_ == 0) {
    doubtful_count_ = 1;
    doubtful_version_ = version;
  } else if (doubtful_version_ != version) {
    doubtful_count_ = 2;
  }
}

// Over the bytes of a name, if there are any; notes those that only some client charsets take for letters.
void Lexer::skip_name_part() {
  std::uint8_t seen = 0;
  while (at_ != end_ && is(peek(), name)) seen |= classes[static_cast<unsigned char>(*at_++)];
  if ((seen & high) != 0 && !dialect_.utf8) doubt_ = not_ascii;
}

Token Lexer::word() {
  const char* start = at_;
  std::uint32_t hash = word_hash_start;
  std::uint8_t seen = 0;
  while (at_ != end_) {
    const auto c = static_cast<unsigned char>(*at_);
    if ((classes[c] & name) == 0) break;
    seen |= classes[c];
    hash = word_hash_step(hash, c);
    ++at_;
  }
  if ((seen & high) != 0 && !dialect_.utf8) doubt_ = not_ascii;
  if (peek() == '\'') {
    // N'…', x'…', b'…' and _charset'…' are one literal.
    const char first = ascii_lower(*start);
    const bool single = at_ - start == 1 && (first == 'n' || first == 'x' || first == 'b');
    if (single || first == '_') return quoted(TokenKind::string, start);
  }
  Token token = made(TokenKind::word, start);
  token.word = &find_word(token.text, hash);
  after_name_ = true;
  return token;
}

// At the opening quote; over the closing one. False: there is none.
bool Lexer::skip_quoted(bool backslash) {
  const char quote = *at_++;
  while (at_ != end_) {
    const char c = *at_++;
    if (c == quote) {
      if (at_ == end_ || *at_ != quote) return true;
      ++at_;
    } else if (c == '\\' && backslash) {
      if (at_ == end_) return false;
      ++at_;
    }
  }
  return false;
}

Token Lexer::quoted(TokenKind kind, const char* start) {
  const bool backslash = kind != TokenKind::quoted_name && !dialect_.no_backslash_escapes;
  if (!skip_quoted(backslash)) return bad(unterminated_string);
  return made(kind, start);
}

// A name may start with digits; what only starts like a number is one.
Token Lexer::number() {
  const char* start = at_;
  if (peek() == '0' && (peek(1) == 'x' || peek(1) == 'b')) {
    const bool is_hex = peek(1) == 'x';
    at_ += 2;
    const char* digits = at_;
    while (is_hex ? is(peek(), hex) : (peek() == '0' || peek() == '1')) ++at_;
    if (at_ != digits && !is(peek(), name)) return made(TokenKind::number, start);
    at_ = start;
    return word();
  }
  while (is(peek(), digit)) ++at_;
  return digits_from(start);
}

Token Lexer::digits_from(const char* start) {
  const unsigned char c = peek();
  if (c == '.') return fraction(start);
  if (c == 'e' || c == 'E') {
    const std::ptrdiff_t sign = peek(1) == '+' || peek(1) == '-' ? 1 : 0;
    if (is(peek(1 + sign), digit)) {
      at_ += 1 + sign;
      while (is(peek(), digit)) ++at_;
      return made(TokenKind::number, start);
    }
  }
  if (is(c, name)) {
    at_ = start;
    return word();
  }
  return made(TokenKind::number, start);
}

// At the point of a number.
Token Lexer::fraction(const char* start) {
  ++at_;
  while (is(peek(), digit)) ++at_;
  if (peek() == 'e' || peek() == 'E') {
    const std::ptrdiff_t sign = peek(1) == '+' || peek(1) == '-' ? 1 : 0;
    if (is(peek(1 + sign), digit)) {
      at_ += 1 + sign;
      while (is(peek(), digit)) ++at_;
    }
  }
  return made(TokenKind::number, start);
}

Token Lexer::variable() {
  const char* start = at_++;
  const bool system = peek() == '@';
  if (system) ++at_;
  for (int part = 0; part < 3; ++part) {
    const unsigned char c = peek();
    if (c == '`' || (!system && (c == '\'' || c == '"'))) {
      if (!skip_quoted(c != '`' && !dialect_.no_backslash_escapes)) return bad(unterminated_string);
    } else {
      skip_name_part();
    }
    if (!system) {
      // The name of a user variable may hold points.
      while (c != '`' && c != '\'' && c != '"' && peek() == '.') {
        ++at_;
        skip_name_part();
      }
      return made(TokenKind::user_variable, start);
    }
    if (peek() != '.' || (!is(peek(1), name) && peek(1) != '`')) break;
    ++at_;
  }
  return made(TokenKind::system_variable, start);
}

Token Lexer::punctuation() {
  const char* start = at_;
  const unsigned char c = peek();
  switch (c) {
    case '\'':
      return quoted(TokenKind::string, start);
    case '"':
      return quoted(dialect_.ansi_quotes ? TokenKind::quoted_name : TokenKind::string, start);
    case '`':
      return quoted(TokenKind::quoted_name, start);
    case '@':
      return variable();
    case ';':
      ++at_;
      return made(TokenKind::semicolon, start);
    case '?':
      ++at_;
      return made(TokenKind::parameter, start);
    case '\0':
      return bad(nul_byte);
    case '\\':
      if (peek(1) != 'N') return bad("backslash outside of a string");
      at_ += 2;
      return made(TokenKind::number, start);
    default:
      break;
  }
  const unsigned char n = peek(1);
  const bool two = (c == ':' && n == '=') || (c == '<' && (n == '=' || n == '>' || n == '<')) ||
                   (c == '>' && (n == '=' || n == '>')) || (c == '!' && n == '=') || (c == '|' && n == '|') ||
                   (c == '&' && n == '&') || (c == '-' && n == '>');
  at_ += two ? 2 : 1;
  // "<=>" and "->>"
  if (two && ((c == '<' && n == '=') || c == '-') && peek() == '>') ++at_;
  Token token = made(TokenKind::op, start);
  token.op = c == ':' && !two ? '\0' : static_cast<char>(c);
  return token;
}

}  // namespace sluice::router
