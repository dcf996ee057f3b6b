// A statement that isn't for a replica stays so in every other spelling of it: blanks, comments and case between its
// tokens change nothing that could send it there.
#include <gtest/gtest.h>

#include <random>

#include "router/classification_text.hpp"
#include "router/lexer.hpp"

namespace sluice::router {
namespace {

std::string other_case(std::string_view text, std::mt19937& random) {
  std::string out(text);
  for (char& c : out) {
    const bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
    if (letter && random() % 2 == 0) c = static_cast<char>(c ^ 0x20);
  }
  return out;
}

std::string filler(std::mt19937& random) {
  static const std::string fillers[] = {
      " ",         "\n",    "\t ",    "/**/", "/* x */",         "-- x\n", "# x\n",
      " /* ' */ ", "/*!*/", "/*! */", "\r\n", "/* SELECT 1; */", "\f\v",   "/*!99999 FOR UPDATE */",
      "/*+ x */",  "--\n"};
  return fillers[random() % std::size(fillers)];
}

// The same tokens with other things between them. Names around a point stay together: the server tells "a.b" from
// "a. b"; so do the parts of an operator that the lexer reads as one.
std::string respelled(const Example& e, std::mt19937& random) {
  Lexer lexer(e.sql, e.dialect, Doubtful::run);
  std::string out;
  for (Token token = lexer.next(); token.kind != TokenKind::end && token.kind != TokenKind::bad; token = lexer.next()) {
    const bool apart = token.spaced || random() % 3 == 0;
    const bool would_be_a_comment = !out.empty() && (out.back() == '-' || out.back() == '/' || out.back() == '*');
    if (!out.empty() && apart && !token.attached && !token.is('.')) out += would_be_a_comment ? "" : filler(random);
    out += token.kind == TokenKind::word ? other_case(token.text, random) : std::string(token.text);
  }
  return out;
}

bool readable(const Example& e) {
  Lexer lexer(e.sql, e.dialect, Doubtful::run);
  Token token = lexer.next();
  while (token.kind != TokenKind::end && token.kind != TokenKind::bad) token = lexer.next();
  return token.kind == TokenKind::end && lexer.doubt().empty() && lexer.doubtful_comments() == 0;
}

TEST(ClassifyRespelling, NeverMakesAStatementSaferForReplicas) {
  std::mt19937 random(20240601);
  int tried = 0;
  for (const Example& e : read_examples(SLUICE_STATEMENTS)) {
    if (!readable(e)) continue;
    const Classification plain = classify(e.sql, e.dialect);
    for (int round = 0; round < 20; ++round) {
      const std::string sql = respelled(e, random);
      const Classification c = classify(sql, e.dialect);
      EXPECT_FALSE(c.replica_safe && !plain.replica_safe) << e.sql << "\n-> " << sql;
      // A blank in front of its "(" makes a stored function of a built-in one.
      EXPECT_EQ(c.pin & ~Pin::stored_code, plain.pin & ~Pin::stored_code) << e.sql << "\n-> " << sql;
      EXPECT_EQ(c.pin & plain.pin, plain.pin) << e.sql << "\n-> " << sql;
      EXPECT_EQ(c.kind, plain.kind) << e.sql << "\n-> " << sql;
      EXPECT_EQ(c.transaction, plain.transaction) << e.sql << "\n-> " << sql;
      ++tried;
    }
  }
  EXPECT_GT(tried, 5000);
}

TEST(ClassifyRespelling, NeverMakesAStatementSaferInsideOfAnExecutableComment) {
  for (const Example& e : read_examples(SLUICE_STATEMENTS)) {
    if (!readable(e) || e.sql.find("*/") != std::string::npos) continue;
    // A comment that runs to the line's end would take the closing mark with it.
    if (e.sql.find('#') != std::string::npos || e.sql.find("--") != std::string::npos) continue;
    const Classification plain = classify(e.sql, e.dialect);
    const Classification c = classify("/*! " + e.sql + " */", e.dialect);
    EXPECT_FALSE(c.replica_safe && !plain.replica_safe) << e.sql;
    EXPECT_EQ(c.pin, plain.pin) << e.sql;
  }
}

}  // namespace
}  // namespace sluice::router
