#include "router/lexer.hpp"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace sluice::router {
namespace {

char letter_of(TokenKind kind) {
  switch (kind) {
    case TokenKind::end:
      return '$';
    case TokenKind::word:
      return 'w';
    case TokenKind::quoted_name:
      return 'q';
    case TokenKind::string:
      return 's';
    case TokenKind::number:
      return 'n';
    case TokenKind::user_variable:
      return 'u';
    case TokenKind::system_variable:
      return 'v';
    case TokenKind::parameter:
      return 'p';
    case TokenKind::semicolon:
      return ';';
    case TokenKind::op:
      return 'o';
    case TokenKind::bad:
      return '!';
  }
  return '?';
}

// "w:select n:1"
std::string tokens(std::string_view sql, const Dialect& dialect = {}, Doubtful doubtful = Doubtful::run) {
  Lexer lexer(sql, dialect, doubtful);
  std::string out;
  for (Token token = lexer.next(); token.kind != TokenKind::end; token = lexer.next()) {
    if (!out.empty()) out += ' ';
    out += letter_of(token.kind);
    if (token.kind == TokenKind::bad) break;
    out.append(":").append(token.text);
  }
  return out;
}

TEST(Lexer, NumbersEndWhereTheServerEndsThem) {
  EXPECT_EQ(tokens("1e5FOR"), "n:1e5 w:FOR");
  EXPECT_EQ(tokens("1.5FOR"), "n:1.5 w:FOR");
  EXPECT_EQ(tokens("1.e5FOR"), "n:1.e5 w:FOR");
  EXPECT_EQ(tokens("1FOR"), "w:1FOR");
  EXPECT_EQ(tokens("1e"), "w:1e");
  EXPECT_EQ(tokens("1e+5"), "n:1e+5");
  EXPECT_EQ(tokens("1e+x"), "w:1e o:+ w:x");
  EXPECT_EQ(tokens("0x1F 0x1G 0x 0X1F"), "n:0x1F w:0x1G w:0x w:0X1F");
  EXPECT_EQ(tokens("0b01 0b02"), "n:0b01 w:0b02");
  EXPECT_EQ(tokens(".5 -.5e-3"), "n:.5 o:- n:.5e-3");
  EXPECT_EQ(tokens("\\N\\NULL"), "n:\\N n:\\N w:ULL");
}

TEST(Lexer, BehindAPointStandsAName) {
  Lexer lexer("a.update . update", {}, Doubtful::run);
  EXPECT_EQ(lexer.next().text, "a");
  EXPECT_TRUE(lexer.next().is('.'));
  const Token attached = lexer.next();
  EXPECT_EQ(attached.text, "update");
  EXPECT_FALSE(attached.is(Keyword::update));
  EXPECT_TRUE(lexer.next().is('.'));
  EXPECT_TRUE(lexer.next().is(Keyword::update)) << "white space behind the point: a keyword again";
  EXPECT_EQ(tokens("t.1e5 t .5"), "w:t o:. w:1e5 w:t n:.5");
}

TEST(Lexer, QuotesFollowTheDialect) {
  EXPECT_EQ(tokens("'a''b' 'c\\'d'"), "s:'a''b' s:'c\\'d'");
  EXPECT_EQ(tokens("'c\\' d", {.no_backslash_escapes = true}), "s:'c\\' w:d");
  EXPECT_EQ(tokens("\"a\\\"b\""), "s:\"a\\\"b\"");
  EXPECT_EQ(tokens("\"a\\\" b", {.ansi_quotes = true}), "q:\"a\\\" w:b");
  EXPECT_EQ(tokens("`a``b` `c\\`"), "q:`a``b` q:`c\\`");
  EXPECT_EQ(tokens("N'a' n 'a' _utf8'b' x'4D' B'1' y'c'"), "s:N'a' w:n s:'a' s:_utf8'b' s:x'4D' s:B'1' w:y s:'c'");
  EXPECT_EQ(tokens("'a"), "!");
  EXPECT_EQ(tokens("`a``"), "!");
  EXPECT_EQ(tokens("'a\\"), "!");
}

TEST(Lexer, Variables) {
  EXPECT_EQ(tokens("@a @a.b$c @`x y` @'it''s' @\"q\" @"), "u:@a u:@a.b$c u:@`x y` u:@'it''s' u:@\"q\" u:@");
  EXPECT_EQ(tokens("@@a @@session.a @@a.b.c @@`a` @@a.*"), "v:@@a v:@@session.a v:@@a.b.c v:@@`a` v:@@a o:. o:*");
  EXPECT_EQ(tokens("@a:=1"), "u:@a o::= n:1");
  EXPECT_EQ(tokens("u@localhost"), "w:u u:@localhost");
}

TEST(Lexer, CommentsAreDropped) {
  EXPECT_EQ(tokens("a/**/b -- c\nd # e\nf --g"), "w:a w:b w:d w:f o:- o:- w:g");
  EXPECT_EQ(tokens("--"), "");
  EXPECT_EQ(tokens("-- "), "");
  EXPECT_EQ(tokens("a --\x01 b\nc"), "w:a w:c");
  EXPECT_EQ(tokens("a /* /* b */ c */"), "w:a w:c o:* o:/");
  EXPECT_EQ(tokens("a /* b"), "w:a !");
  EXPECT_EQ(tokens("a /*/ b"), "w:a !");
}

TEST(Lexer, ExecutableCommentsAreCodeWhereTheServerRunsThem) {
  EXPECT_EQ(tokens("/*! a */ b"), "w:a w:b");
  EXPECT_EQ(tokens("/*!a*/b"), "w:a w:b");
  EXPECT_EQ(tokens("/*!50000a*/"), "w:a");
  EXPECT_EQ(tokens("/*!501019 a*/"), "") << "six digits are one number";
  EXPECT_EQ(tokens("/*!50701 a*/ b"), "w:b") << "MariaDB leaves MySQL 5.7's comments alone";
  EXPECT_EQ(tokens("/*M!50701 a*/ b"), "w:a w:b");
  EXPECT_EQ(tokens("/*M! a*/ b", {.mariadb = false, .server_version = 80036}), "w:b");
  EXPECT_EQ(tokens("/*!80036 a*/ b", {.mariadb = false, .server_version = 80036}), "w:a w:b");
  EXPECT_EQ(tokens("/*!110000 a /* b */ c */ d"), "w:d");
  EXPECT_EQ(tokens("/*! a /* b */ c */ d"), "w:a w:c w:d");
  EXPECT_EQ(tokens("/*! '*/' */ d"), "s:'*/' w:d");
  EXPECT_EQ(tokens("/*! a"), "w:a !");
  EXPECT_EQ(tokens("a */ b"), "w:a o:* o:/ w:b");
}

TEST(Lexer, TellsWhenAnExecutableCommentCanBeReadInTwoWays) {
  const std::string_view sql = "a /*!101105 b */";
  EXPECT_EQ(tokens(sql, {}, Doubtful::run), "w:a w:b");
  EXPECT_EQ(tokens(sql, {}, Doubtful::skip), "w:a");
  Lexer lexer(sql, {}, Doubtful::run);
  while (lexer.next().kind != TokenKind::end) {
  }
  EXPECT_EQ(lexer.doubtful_comments(), 1);
}

TEST(Lexer, WordsAreFoundInAnyCase) {
  EXPECT_EQ(find_word("SeLeCt").keyword, Keyword::select);
  EXPECT_EQ(find_word("get_LOCK").function, FunctionClass::get_lock);
  EXPECT_EQ(find_word("replace").keyword, Keyword::replace);
  EXPECT_EQ(find_word("replace").function, FunctionClass::pure);
  EXPECT_EQ(find_word("selec").keyword, Keyword::none);
  EXPECT_EQ(find_word("getKlock").function, FunctionClass::none) << "the hash folds more than letters";
  EXPECT_EQ(find_word("").keyword, Keyword::none);
  EXPECT_EQ(find_word(std::string(1000, 'a')).keyword, Keyword::none);
}

}  // namespace
}  // namespace sluice::router
