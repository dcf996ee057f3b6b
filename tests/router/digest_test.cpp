#include "router/digest.hpp"

#include <gtest/gtest.h>

namespace sluice::router {
namespace {

std::string shape(std::string_view sql) { return normalize(sql, {}, 1000); }

TEST(Digest, LiteralsBecomeQuestionMarks) {
  EXPECT_EQ(shape("SELECT c FROM sbtest1 WHERE id=12345"), "select c from sbtest1 where id = ?");
  EXPECT_EQ(shape("SELECT 'a' 'b', x'4D', ?, -1.5e3, `Name`"), "select ?, …, - ?, `Name`");
  EXPECT_EQ(shape("SELECT @@version, @x, t.a"), "select @@version, @x, t.a");
}

TEST(Digest, BlanksCaseAndCommentsDontCount) {
  EXPECT_EQ(shape("select\n\ta . b /* x */ From t -- y"), "select a.b from t");
  EXPECT_EQ(shape("SELECT a FROM t WHERE b IN(1)AND c=2"), shape("select a from t where b in ( 1 ) and c = 2"));
  EXPECT_EQ(shape("/*!50000 SELECT */ 1"), "select ?");
}

TEST(Digest, ListsAreOneHoweverLong) {
  EXPECT_EQ(shape("SELECT a FROM t WHERE b IN (1, 2, 3)"), "select a from t where b in(?, …)");
  EXPECT_EQ(shape("SELECT a FROM t WHERE b IN (1, 2)"), shape("SELECT a FROM t WHERE b IN ('a', 'b', 'c', 'd')"));
  EXPECT_EQ(shape("INSERT INTO t (a, b) VALUES (1, 2)"), "insert into t(a, b) values(?, …)");
  EXPECT_EQ(shape("INSERT INTO t VALUES (1, 2), (3, 4), (5, 6)"), "insert into t values(?, …), …");
  EXPECT_EQ(shape("INSERT INTO t VALUES (1), (2)"), shape("INSERT INTO t VALUES (1), (2), (3), (4)"));
}

TEST(Digest, WhatIsNotALiteralStays) {
  EXPECT_EQ(shape("INSERT INTO t VALUES (1), (NOW()), (2)"), "insert into t values(?), (now()), (?)");
  EXPECT_EQ(shape("SELECT f(1), g(2, a)"), "select f(?), g(?, a)");
  EXPECT_EQ(shape("SELECT 1, a, 2, 3"), "select ?, a, ?, …");
  EXPECT_EQ(shape("SELECT ((1)), (2)"), "select((?)), (?)");
  EXPECT_EQ(shape("SELECT 1; SELECT 2"), "select ?; select ?");
}

TEST(Digest, NumberAndTextAgree) {
  const Dialect dialect;
  const auto number = [&](std::string_view sql) { return digest(sql, dialect); };
  EXPECT_EQ(number("SELECT a FROM t WHERE b = 1"), number("select  a from t where b='x'"));
  EXPECT_EQ(number("INSERT INTO t VALUES (1), (2)"), number("insert into t values (1), (2), (3)"));
  EXPECT_NE(number("SELECT a FROM t"), number("SELECT b FROM t"));
  EXPECT_NE(number("SELECT a FROM t"), number("SELECT `A` FROM t"));
  // Kept, so that numbers mean the same after an upgrade.
  EXPECT_EQ(number(""), 14695981039346656037ULL);
}

TEST(Digest, TextIsBounded) {
  EXPECT_EQ(normalize("SELECT abcdef, g", {}, 10), "select …");
  EXPECT_EQ(normalize("SELECT abcdef, g", {}, 9), "select ");
  EXPECT_EQ(normalize("SELECT abc", {}, 10), "select abc");
  EXPECT_EQ(normalize("SELECT abc", {}, 0), "");
  EXPECT_EQ(normalize("SELECT 'abc", {}, 100), "select <unreadable>");
}

}  // namespace
}  // namespace sluice::router
