// Cuts SQL text into tokens as the server's own lexer does, without taking memory: tokens borrow from the text.
// Comments are dropped; the content of an executable comment comes out as code if the server would run it.
// Sources: MySQL manual, "Lexical Structure" (literals, identifiers, comments); MariaDB manual, "Comment Syntax".
//
// Flow: `Lexer lexer(sql, dialect, Doubtful::run); for (Token t = lexer.next(); t.kind != TokenKind::end; …)`. After
// the last token `lexer.doubt()` says if the server might have read the text in another way.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "router/classify.hpp"
#include "router/words.hpp"

namespace sluice::router {

enum class TokenKind : std::uint8_t {
  end,
  word,             // keyword or identifier without quotes
  quoted_name,      // `x`, and "x" with ansi_quotes
  string,           // 'x', "x", N'x', x'4D', b'01', _utf8'x'
  number,           // 1, 1.5e3, 0x1F, 0b01, \N
  user_variable,    // @x, @'x', @`x`
  system_variable,  // @@x, @@session.x
  parameter,        // ?
  semicolon,
  op,
  bad,  // nothing after it can be read; `text` is the reason
};

struct Token {
  TokenKind kind = TokenKind::end;
  char op = 0;            // first character of an operator; ':' is always ":="
  bool spaced = false;    // white space or a comment stands before it
  bool attached = false;  // right behind "name.": a name, never a keyword
  const Word* word = &unknown_word;
  std::string_view text;  // as written, with quotes

  [[nodiscard]] bool is(char c) const { return kind == TokenKind::op && op == c && text.size() == 1; }
  [[nodiscard]] bool is(Keyword k) const { return word->keyword == k; }
  [[nodiscard]] bool is_name() const { return kind == TokenKind::word || kind == TokenKind::quoted_name; }
};

// What to do with an executable comment of which it isn't known if the server runs it.
enum class Doubtful : std::uint8_t { run, skip };

class Lexer {
 public:
  Lexer(std::string_view sql, const Dialect& dialect, Doubtful doubtful)
      : begin_(sql.data()), at_(begin_), end_(begin_ + sql.size()), dialect_(dialect), doubtful_(doubtful) {}

  [[nodiscard]] Token next();

  // Why the text may have been read otherwise than the server does; empty: surely not. Static text.
  [[nodiscard]] std::string_view doubt() const { return doubt_; }
  // The executable comments whose running is not known: 0, 1, or 2 for several of different versions.
  [[nodiscard]] int doubtful_comments() const { return doubtful_count_; }
  // Where the last token ended.
  [[nodiscard]] std::size_t offset() const { return static_cast<std::size_t>(at_ - begin_); }

 private:
  bool skip_blanks();
  bool skip_comment();
  bool skip_plain_comment(bool nested);
  bool enter_executable_comment(bool mariadb_form);
  bool runs(std::uint32_t version, bool mariadb_form);
  void skip_line();
  void note_doubtful(std::uint32_t version);

  Token word();
  Token quoted(TokenKind kind, const char* start);
  bool skip_quoted(bool backslash);
  Token number();
  Token digits_from(const char* start);
  Token fraction(const char* start);
  Token variable();
  Token punctuation();
  Token bad(std::string_view reason);
  [[nodiscard]] Token made(TokenKind kind, const char* start) const;
  void skip_name_part();
  [[nodiscard]] unsigned char peek(std::ptrdiff_t ahead = 0) const {
    return end_ - at_ > ahead ? static_cast<unsigned char>(at_[ahead]) : 0;
  }

  const char* begin_;
  const char* at_;
  const char* end_;
  Dialect dialect_;
  Doubtful doubtful_;
  bool in_executable_ = false;
  bool spaced_ = false;
  bool after_name_ = false;  // the last token was a name without quotes, and nothing stood behind it yet
  bool attached_ = false;    // the last token was a "." with a name right behind it
  int doubtful_count_ = 0;
  std::uint32_t doubtful_version_ = 0;
  std::string_view doubt_;
  std::string_view failure_;
};

}  // namespace sluice::router
