// What doesn't fit in a line of the golden table.
#include "router/classify.hpp"

#include <gtest/gtest.h>

#include <string>
#include <string_view>

#include "router/digest.hpp"

namespace sluice::router {
namespace {

TEST(Classify, TextThatIsTooLongGoesToTheLeaderAndTies) {
  std::string sql = "SELECT '";
  sql.resize(classify_bytes_max - 1, 'x');
  sql += '\'';
  EXPECT_TRUE(classify(sql, {}).replica_safe) << "the longest text that is looked into";
  sql += ' ';
  const Classification c = classify(sql, {});
  EXPECT_EQ(c.kind, StatementKind::select);
  EXPECT_FALSE(c.replica_safe);
  EXPECT_EQ(c.pin, Pin::unknown_statement);
  EXPECT_EQ(c.reason, "too long to look into");
}

TEST(Classify, NestingIsBounded) {
  std::string explains;
  for (int i = 0; i < 100'000; ++i) explains += "SET STATEMENT a=1 FOR ";
  EXPECT_FALSE(classify(explains + "SELECT 1", {}).replica_safe);
  const std::string parens(100'000, '(');
  EXPECT_TRUE(classify(parens + "SELECT 1" + std::string(100'000, ')'), {}).replica_safe);
  EXPECT_FALSE(classify(parens + "SELECT f(1)", {}).replica_safe);
}

TEST(Classify, ManyExecutableCommentsCostNoMoreThanTwoReadings) {
  std::string sql = "SELECT 1";
  for (int i = 0; i < 10'000; ++i) sql += " /*!101105 + 1 */";
  EXPECT_TRUE(classify(sql, {}).replica_safe);
}

TEST(Classify, SettingsThatAreKeptAreBounded) {
  EXPECT_TRUE(classify("SET a = '" + std::string(5000, 'x') + "'", {}).assignments.empty());
  EXPECT_TRUE(classify("SET " + std::string(65, 'a') + " = 1", {}).assignments.empty());
  EXPECT_EQ(classify("SET a = '" + std::string(500, 'x') + "'", {}).assignments.size(), 1U);
}

std::string filled_up(std::string head, std::string_view unit, std::size_t size = std::size_t{1} << 20) {
  while (head.size() + unit.size() <= size) head += unit;
  return head;
}

TEST(Classify, SettingsOfOneTextAreBounded) {
  std::string list = "SET a=1";
  for (int i = 1; i < 100; ++i) list += ",a=1";
  EXPECT_EQ(classify(list, {}).assignments.size(), 100U);
  EXPECT_EQ(classify(list, {}).pin, Pin::none);
  EXPECT_EQ(classify(list + ",a=1", {}).assignments.size(), 100U);
  EXPECT_EQ(classify(list + ",a=1", {}).pin, Pin::unknown_setting) << "what is not kept is not lost";
  for (const std::string& text :
       {filled_up("SET a=1", ",a=1"), filled_up("SET NAMES a", ",NAMES a"), filled_up("", "SET a=1;"),
        filled_up("SET CHARACTER SET a", ",CHARACTER SET a"), filled_up("", "SET SESSION TRANSACTION READ ONLY;")}) {
    const Classification c = classify(text, {});
    EXPECT_LE(c.assignments.size(), 100U) << text.substr(0, 40);
    EXPECT_NE(c.pin, Pin::none) << text.substr(0, 40);
    EXPECT_FALSE(c.replica_safe) << text.substr(0, 40);
  }
}

// Long texts of each kind of nesting and repetition: there is no recursion by them, and no second walk over what was
// walked over. Nothing is said about what they are.
TEST(Classify, DeepAndRepeatedTextsEnd) {
  for (const char* unit : {"(",         "f(",     "(SELECT ",    "EXPLAIN ",    "ANALYZE ",   "SET STATEMENT a=1 FOR ",
                           "CASE ",     "BEGIN ", "WITH a AS (", "json_table(", "a.",         "@",
                           "@@a.b.c,",  "/*",     "/*!",         "/*!101105 ",  "/*!999999 ", "/*+`*/",
                           "-- \n",     "#\n",    "''",          "\"",          "`",          ";",
                           "SELECT 1;", "1e",     "0x",          "NOT ",        "-"}) {
    for (const char* head : {"", "SELECT "}) {
      const std::string text = filled_up(head, unit, std::size_t{1} << 18);
      (void)classify(text, {.server_version = 0});
      (void)digest(text, {});
      EXPECT_LE(normalize(text, {}, 1000).size(), 1000U);
    }
  }
}

TEST(Classify, SchemaIsBorrowedFromTheText) {
  const std::string sql = "USE `my db`";
  const Classification c = classify(sql, {});
  EXPECT_EQ(c.schema, "my db");
  EXPECT_EQ(c.schema.data(), sql.data() + 5);
}

// Only what surely has one: a statement without tables leaves the warnings of the one before it.
TEST(Classify, ASelectWithTablesIsKnown) {
  for (const char* sql :
       {"SELECT a FROM t", "(SELECT 1), 2 FROM t", "SELECT 1 FROM (SELECT 1) AS x", "select 1 from `t`"}) {
    EXPECT_TRUE(classify(sql, {}).reads_tables) << sql;
  }
  for (const char* sql :
       {"SELECT 1", "SELECT 1 FROM DUAL", "SELECT 1 FROM dual WHERE 1", "SELECT TRIM('a' FROM b)", "SELECT 'a FROM t'",
        "SELECT EXTRACT(YEAR FROM now())", "SELECT 1 -- FROM t", "SHOW COLUMNS FROM t", "SELECT (SELECT a FROM t)"}) {
    EXPECT_FALSE(classify(sql, {}).reads_tables) << sql;
  }
}

TEST(Classify, PinsHaveNames) {
  EXPECT_EQ(to_string(Pin::none), "");
  EXPECT_EQ(to_string(Pin::user_variable | Pin::xa), "user_variable, xa");
  EXPECT_EQ(to_string(~Pin::none),
            "user_variable, temporary_table, user_lock, table_lock, text_prepare, handler, xa, found_rows, "
            "unknown_setting, unknown_statement, stored_code, hidden_change, unread_setting, connection_id");
}

}  // namespace
}  // namespace sluice::router
