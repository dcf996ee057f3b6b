#include "admin/sql/engine.hpp"

#include <gtest/gtest.h>

#include <string>

#include "admin/sql/tables.hpp"
#include "admin/sql/test_state.hpp"
#include "support/time.hpp"

namespace sluice::admin {
namespace {

EngineLimits within(std::uint32_t ms) {
  EngineLimits limits;
  limits.run_ms_max = ms;
  return limits;
}

// Rows as text: cells joined by '|', rows by '\n'.
std::string run(std::string_view text, const EngineLimits& limits = within(sluice::test::never_ms)) {
  static const AdminState state = test::fixed_state();
  SqlEngine engine(limits);
  const AdminStatement statement = understand(text);
  if (statement.kind != AdminStatement::Kind::query) return "not a query: " + statement.error.message;
  const auto result = engine.run(state, statement);
  if (!result) return std::to_string(result.error().code) + " " + result.error().message;
  std::string out;
  for (const auto& row : result->rows) {
    if (!out.empty()) out += "\n";
    for (std::size_t i = 0; i < row.size(); ++i) out += (i > 0 ? "|" : "") + row[i].value_or("NULL");
  }
  return out;
}

TEST(Engine, AnswersOverLiveState) {
  EXPECT_EQ(run("SELECT server, role, healthy, lag_ms, why FROM servers"),
            "127.0.0.1:1|leader|1|NULL|takes writes\n"
            "127.0.0.1:2|replica|1|7|replicates from 127.0.0.1:1\n"
            "127.0.0.1:3|replica|0|NULL|unreachable: refused");
  EXPECT_EQ(run("SELECT * FROM clusters"),
            "main|127.0.0.1:1|the only writable server|3|2|closed for 80 ms, 2 sessions still open|5\n"
            "spare|NULL|no server answers|0|0|open|0");
  EXPECT_EQ(run("SELECT * FROM gates"), "main|closed|5|2|80\nspare|open|0|0|0");
  EXPECT_EQ(run("SELECT server, maintenance FROM servers WHERE cluster = 'main'"),
            "127.0.0.1:1|0\n127.0.0.1:2|1\n127.0.0.1:3|0");
  EXPECT_EQ(run("SELECT id, pin FROM sessions WHERE pin <> '' ORDER BY id"), "5|user variable");
  EXPECT_EQ(run("SELECT value FROM counters WHERE name IN ('clients_accepted', 'clients')"), "11\n2");
  EXPECT_EQ(run("SELECT value FROM counters WHERE name = 'hold_longest_ms'"), "41");
  EXPECT_EQ(run("SHOW EVENTS"), "1|2023-11-14 22:13:20.123|warning|backend_lost|127.0.0.1:3 reset");
  EXPECT_EQ(run("SELECT pid, io, uptime_s FROM sluice.proxy"), "4242|epoll|65");
  EXPECT_EQ(run("SELECT s.server, p.idle FROM servers s JOIN pools p ON p.server = s.server"), "127.0.0.1:1|3");
  EXPECT_EQ(run("SELECT count(*) FROM servers a, servers b, servers c"), "27");
}

TEST(Engine, EveryTableAnswersWithItsColumns) {
  for (const AdminTable& table : admin_tables()) {
    const std::string result = run("SELECT * FROM " + std::string(table.name));
    EXPECT_FALSE(result.empty()) << table.name;
    EXPECT_FALSE(run("DESCRIBE " + std::string(table.name)).empty()) << table.name;
    const AdminState state = test::fixed_state();
    for (const Row& row : table.rows(state)) EXPECT_EQ(row.size(), table.columns.size()) << table.name;
  }
}

TEST(Engine, SettingsMaskSecrets) {
  const std::string all = run("SELECT * FROM settings");
  EXPECT_EQ(all.find("-pw"), std::string::npos) << all;
  EXPECT_EQ(run("SELECT value FROM settings WHERE name = 'user.app.password'"), "(set)");
  EXPECT_EQ(run("SELECT value FROM settings WHERE name = 'cluster.main.monitor.password'"), "(set)");
}

TEST(Engine, AnswersWhatClientsAskByHabit) {
  EXPECT_EQ(run("SELECT @@version_comment LIMIT 1"), "sluice admin");
  EXPECT_EQ(run("SELECT DATABASE(), USER() LIMIT 1"), "sluice|admin");
  EXPECT_EQ(run("SHOW VARIABLES LIKE 'auto\\_%'"), "auto_increment_increment|1");
  EXPECT_EQ(run("SHOW DATABASES"), "sluice");
  EXPECT_EQ(run("SHOW TABLES LIKE 'ev%'"), "events");
  EXPECT_EQ(run("SHOW PROCESSLIST"),
            "5|app|127.0.0.1:51234||Sleep|0|idle|NULL\n6|app|127.0.0.1:51234||Query|0|running|NULL");
  EXPECT_EQ(run("SHOW WARNINGS"), "");
  EXPECT_EQ(run("SHOW CHARACTER SET"), "utf8mb4|UTF-8|utf8mb4_general_ci|4");
}

TEST(Engine, ErrorsSayWhatToDo) {
  EXPECT_EQ(
      run("SELECT * FROM nope"),
      "1146 table 'nope' doesn't exist; the tables are servers, clusters, gates, pools, sessions, events, history, "
      "history_steps, counters, settings, proxy");
  EXPECT_TRUE(run("DESCRIBE nope").starts_with("1146 table 'nope' doesn't exist;"));
  EXPECT_EQ(run("SELECT nope FROM servers"), "1054 unknown column 'nope'");
  EXPECT_EQ(run("SELECT @@nope"), "1193 Unknown system variable 'nope'");
  EXPECT_EQ(run("SELECT 1; SELECT 2"), "1064 write one statement at a time");
  EXPECT_EQ(run("SELECT 1 +"), "1064 incomplete input");
}

TEST(Engine, IsReadOnly) {
  EXPECT_TRUE(run("SELECT * FROM sqlite_master").starts_with("1142 ")) << run("SELECT * FROM sqlite_master");
  EXPECT_TRUE(run("SELECT * FROM pragma_database_list").starts_with("1142 "))
      << run("SELECT * FROM pragma_database_list");
  EXPECT_TRUE(run("SELECT load_extension('x')").starts_with("1142 ")) << run("SELECT load_extension('x')");
  EXPECT_TRUE(run("WITH x AS (SELECT 1) INSERT INTO servers SELECT * FROM x").starts_with("1"));
  EXPECT_TRUE(run("WITH x AS (SELECT 1) DELETE FROM servers").starts_with("1"));
}

TEST(Engine, HostileQueriesAreEnded) {
  const std::string endless = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT ";
  EXPECT_EQ(run(endless + "count(*) FROM n", within(20)), "1969 the query ran longer than 20 ms and was ended");
  EXPECT_EQ(run(endless + "zeroblob(10000) FROM n"),
            "1104 the result is too large for the admin port; use WHERE or LIMIT");
  const std::string hungry = run(endless + "i, zeroblob(100000) AS z FROM n ORDER BY random()");
  EXPECT_TRUE(hungry.starts_with("1037 ")) << hungry;
  EXPECT_TRUE(run("SELECT zeroblob(2000000000)").starts_with("1064 "));
  std::string deep = "SELECT ";
  for (int i = 0; i < 10'000; ++i) deep += "(";
  EXPECT_TRUE(run(deep).starts_with("1064 "));
}

std::string times(int n, std::string_view text) {
  std::string out;
  while (n-- > 0) out += text;
  return out;
}

// "WITH a0 AS (SELECT 1 x),a1 AS (SELECT … a0),… SELECT * FROM an"
std::string chain(int n, const std::string& use) {
  std::string out = "WITH a0 AS (SELECT 1 x)";
  for (int i = 1; i <= n; ++i) out += ",a" + std::to_string(i) + " AS (SELECT " + use + std::to_string(i - 1) + ")";
  return out + " SELECT * FROM a" + std::to_string(n);
}

TEST(Engine, CommonTableExpressionsInEachOtherAreBounded) {
  EXPECT_EQ(run(chain(200, "* FROM a"), within(60'000)), "1");
  EXPECT_EQ(run(chain(30'000, "* FROM a"), within(60'000)), "1064 statement too long");
  EXPECT_EQ(run(chain(25'000, "1 WHERE 1 IN a"), within(60'000)), "1064 statement too long");
  // Each of these takes the one before twice.
  std::string doubling = "WITH a0 AS (SELECT 1 x)";
  for (int i = 1; i <= 40; ++i) {
    const std::string before = "a" + std::to_string(i - 1);
    doubling += ",a" + std::to_string(i) + " AS (SELECT l.x FROM " + before + " l, " + before + " r)";
  }
  EXPECT_TRUE(run(doubling + " SELECT * FROM a40", within(60'000)).starts_with("1037 "));
}

class DeepStatement : public testing::TestWithParam<std::string> {};

TEST_P(DeepStatement, IsAnErrorOrAnAnswer) {
  const std::string answer = run(GetParam(), within(60'000));
  EXPECT_TRUE(answer == "1" || answer.starts_with("1064 ") || answer.starts_with("1037 ")) << answer.substr(0, 200);
}

// As long as a statement may be.
INSTANTIATE_TEST_SUITE_P(
    Kinds, DeepStatement,
    testing::Values("SELECT " + times(16'000, "("), "SELECT * FROM " + times(16'000, "("),
                    "SELECT * FROM " + times(800, "(SELECT * FROM ") + "servers" + times(800, ")"),
                    "SELECT " + times(16'000, "~") + "1", "SELECT " + times(4'000, "NOT ") + "1",
                    "SELECT 1" + times(8'000, "+1"), "SELECT 1" + times(2'500, " AND 1"),
                    "SELECT 1" + times(1'000, " UNION SELECT 1"), "VALUES (1)" + times(4'000, ",(1)") + " LIMIT 1",
                    "SELECT 1 IN (1" + times(8'000, ",1") + ")", "SELECT " + times(1'700, "CASE WHEN "),
                    "SELECT CASE" + times(1'000, " WHEN 1 THEN 1") + " END",
                    "SELECT 1" + times(1'000, " COLLATE nocase"), "SELECT " + times(1'000, "EXISTS(SELECT "),
                    "SELECT 1" + times(8'000, ",1"), "SELECT 1 FROM servers" + times(2'000, ",servers"),
                    "SELECT max(1" + times(8'000, ",1") + ")", "SELECT 1 LIKE '" + times(8'000, "%a") + "'",
                    "SELECT json('" + times(16'000, "[") + "')", times(4'000, "/**/") + "SELECT 1",
                    times(8'000, "#\n") + "SELECT 1"));

TEST(Engine, FunctionsThatReachOutsideOrLastAreRefused) {
  for (const char* call :
       {"fts3_tokenizer('simple')", "fts3_tokenizer('simple', x'00')", "load_extension('x')", "instr('a', 'b')",
        "replace('a', 'b', 'c')", "trim('a', 'b')", "ltrim('a', 'b')", "rtrim('a', 'b')", "json_patch('{}', '{}')"}) {
    const std::string answer = run(std::string("SELECT ") + call);
    EXPECT_TRUE(answer.starts_with("1142 that is not allowed on the admin port: ")) << call << ": " << answer;
  }
  EXPECT_EQ(run("SELECT substr(upper('sluice'), 1, 3), round(1.26, 1), coalesce(NULL, 'x')", within(60'000)),
            "SLU|1.3|x");
  EXPECT_TRUE(run("SELECT zeroblob(300000)").starts_with("1064 ")) << "the longest value";
}

TEST(Engine, IntegersAreToldFromText) {
  SqlEngine engine({});
  const AdminState state = test::fixed_state();
  const auto result = engine.run(state, understand("SELECT id, user, count(*), id || '', 1.5, NULL FROM sessions"));
  ASSERT_TRUE(result);
  std::string types;
  for (const auto& c : result->columns) types += c.integer ? 'i' : 't';
  EXPECT_EQ(types, "ititti");
  EXPECT_EQ(engine.run(state, understand("SELECT @@version"))->columns[0].name, "@@version");
}

}  // namespace
}  // namespace sluice::admin
