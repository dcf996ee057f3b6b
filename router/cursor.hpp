// A lexer with the current token and the two before it: all the context that the classifier needs.
//
// Flow: `Cursor cursor(sql, dialect, Doubtful::run); if (cursor.accept(Keyword::begin)) …; cursor.advance();`
#pragma once

#include "router/lexer.hpp"

namespace sluice::router {

class Cursor {
 public:
  Cursor(std::string_view sql, const Dialect& dialect, Doubtful doubtful) : lexer_(sql, dialect, doubtful) {
    token_ = lexer_.next();
  }

  [[nodiscard]] const Token& token() const { return token_; }
  [[nodiscard]] const Token& previous() const { return previous_; }
  [[nodiscard]] const Token& before_previous() const { return before_previous_; }
  [[nodiscard]] const Lexer& lexer() const { return lexer_; }

  void advance() {
    before_previous_ = previous_;
    previous_ = token_;
    token_ = lexer_.next();
  }
  [[nodiscard]] bool at(Keyword k) const { return token_.is(k); }
  bool accept(Keyword k) {
    if (!at(k)) return false;
    advance();
    return true;
  }
  bool accept(char op) {
    if (!token_.is(op)) return false;
    advance();
    return true;
  }
  // End of the statement, not necessarily of the text.
  [[nodiscard]] bool at_end() const {
    return token_.kind == TokenKind::end || token_.kind == TokenKind::semicolon || token_.kind == TokenKind::bad;
  }

 private:
  Lexer lexer_;
  Token token_;
  Token previous_;
  Token before_previous_;
};

}  // namespace sluice::router
