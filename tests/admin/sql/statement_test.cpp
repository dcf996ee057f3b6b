#include "admin/sql/statement.hpp"

#include <gtest/gtest.h>

#include <string>

namespace sluice::admin {
namespace {

using Kind = AdminStatement::Kind;

TEST(RewriteVariables, TurnsVariablesIntoCallsAndBack) {
  EXPECT_EQ(rewrite_variables("SELECT @@version_comment LIMIT 1"), "SELECT sluice_variable('version_comment') LIMIT 1");
  EXPECT_EQ(rewrite_variables("select @@SESSION.Autocommit, @@global.version"),
            "select sluice_variable('autocommit'), sluice_variable('version')");
  EXPECT_EQ(restore_variables("sluice_variable('version')||sluice_variable('x')"), "@@version||@@x");
  EXPECT_EQ(restore_variables("plain"), "plain");
  EXPECT_EQ(restore_variables("sluice_variable('open"), "sluice_variable('open");
}

TEST(RewriteVariables, LeavesQuotesAndCommentsAlone) {
  for (const char* same : {"SELECT '@@x'", "SELECT \"@@x\"", "SELECT `@@x`", "SELECT 1 /* @@x */", "SELECT 'open @@x",
                           "SELECT 1 -- @@x\n", "SELECT @x", "/* open @@x"}) {
    EXPECT_EQ(rewrite_variables(same), same);
  }
  EXPECT_EQ(rewrite_variables("SELECT 1 # @@x\n+ 1"), "SELECT 1 + 1");
  EXPECT_EQ(rewrite_variables("@@"), "sluice_variable('')");
  EXPECT_EQ(rewrite_variables("@@session."), "sluice_variable('')");
}

struct Case {
  std::string text;
  Kind kind;
  std::string sql;  // or the error's number
};

class Understand : public testing::TestWithParam<Case> {};

TEST_P(Understand, Statement) {
  const AdminStatement s = understand(GetParam().text);
  EXPECT_EQ(s.kind, GetParam().kind) << s.sql << s.error.message;
  EXPECT_EQ(s.kind == Kind::error ? std::to_string(s.error.code) : s.sql, GetParam().sql) << s.error.message;
}

INSTANTIATE_TEST_SUITE_P(
    Table, Understand,
    testing::Values(
        Case{"SELECT 1;", Kind::query, "SELECT 1"}, Case{" /* hi */ select 1 ; ; ", Kind::query, "select 1"},
        Case{"-- hi\nselect 1", Kind::query, "select 1"},
        Case{"with x as (select 1) select * from x", Kind::query, "with x as (select 1) select * from x"},
        Case{"SHOW SERVERS", Kind::query, "SELECT * FROM (SELECT * FROM \"servers\")"},
        Case{"show pools where idle > 1", Kind::query, "SELECT * FROM (SELECT * FROM \"pools\") where idle > 1"},
        Case{"SHOW SETTINGS LIKE 'limits%'", Kind::query,
             "SELECT * FROM (SELECT * FROM \"settings\") WHERE \"name\" LIKE 'limits%' ESCAPE '\\'"},
        Case{"SHOW TABLES FROM sluice LIKE 's%'", Kind::query,
             "SELECT * FROM (SELECT name AS \"Tables_in_sluice\" FROM tables) WHERE \"Tables_in_sluice\" LIKE 's%' "
             "ESCAPE '\\'"},
        Case{"SHOW GLOBAL STATUS", Kind::query,
             "SELECT * FROM (SELECT name AS \"Variable_name\", value AS \"Value\" FROM counters)"},
        Case{"SHOW SERVERS please", Kind::error, "1064"}, Case{"SHOW NONSENSE", Kind::error, "1064"},
        Case{"SET NAMES utf8mb4", Kind::accepted, ""}, Case{"use sluice", Kind::accepted, ""},
        Case{"START TRANSACTION", Kind::accepted, ""}, Case{"KILL 5", Kind::kill, ""},
        Case{"kill connection 5;", Kind::kill, ""}, Case{"KILL", Kind::error, "1064"},
        Case{"KILL 99999999999", Kind::error, "1064"}, Case{"KILL 5 6", Kind::error, "1064"},
        Case{"SHUTDOWN", Kind::shutdown, ""}, Case{"SHUTDOWN now", Kind::error, "1064"}, Case{"", Kind::error, "1065"},
        Case{" ; ", Kind::error, "1065"}, Case{"/* open", Kind::error, "1065"},
        Case{"HELP", Kind::query, "SELECT name, meaning FROM tables"},
        Case{"DELETE FROM sessions", Kind::error, "1290"}, Case{"PRAGMA x", Kind::error, "1290"},
        Case{"frobnicate", Kind::error, "1064"}, Case{"DESCRIBE", Kind::error, "1064"}));

TEST(Understand, OrdersNameClusterAndServer) {
  using What = Order::What;
  struct Ordered {
    std::string text;
    Order order;
  };
  for (const Ordered& one : {
           Ordered{"SWITCHOVER", {What::switchover, "", ""}},
           Ordered{"switchover;", {What::switchover, "", ""}},
           Ordered{"SWITCHOVER main", {What::switchover, "main", ""}},
           Ordered{"SWITCHOVER TO '127.0.0.1:2'", {What::switchover, "", "127.0.0.1:2"}},
           Ordered{"SWITCHOVER `main` TO 127.0.0.1:2 ;", {What::switchover, "main", "127.0.0.1:2"}},
           Ordered{"SWITCHOVER 'to' TO \"[::1]:2\"", {What::switchover, "to", "[::1]:2"}},
           Ordered{"SWITCHOVER CLUSTER main", {What::switchover, "main", ""}},
           Ordered{"SWITCHOVER cluster 'cluster' to b dry run;",
                   {What::switchover, "cluster", "b", false, failover::Loss::none, true}},
           Ordered{"SWITCHOVER DRY RUN", {What::switchover, "", "", false, failover::Loss::none, true}},
           Ordered{"FAILOVER", {What::failover, "", ""}},
           Ordered{"FAILOVER main TO 'b:1' LOSS none", {What::failover, "main", "b:1"}},
           Ordered{"failover although the leader lives loss any", {What::failover, "", "", true, failover::Loss::any}},
           Ordered{"FAILOVER 'loss' LOSS BOUNDED", {What::failover, "loss", "", false, failover::Loss::bounded}},
           Ordered{"REJOIN 'b:1'", {What::rejoin, "", "b:1"}},
           Ordered{"rejoin b:1 in main;", {What::rejoin, "main", "b:1"}},
           Ordered{"MAINTENANCE ON 'b:1'", {What::maintenance_on, "", "b:1"}},
           Ordered{"MAINTENANCE off 'b:1' IN 'main'", {What::maintenance_off, "main", "b:1"}},
       }) {
    const AdminStatement s = understand(one.text);
    EXPECT_EQ(s.kind, Kind::order) << one.text << ": " << s.error.message;
    EXPECT_EQ(s.order.what, one.order.what) << one.text;
    EXPECT_EQ(s.order.cluster, one.order.cluster) << one.text;
    EXPECT_EQ(s.order.server, one.order.server) << one.text;
    EXPECT_EQ(s.order.although_leader_lives, one.order.although_leader_lives) << one.text;
    EXPECT_EQ(s.order.loss, one.order.loss) << one.text;
    EXPECT_EQ(s.order.dry_run, one.order.dry_run) << one.text;
  }
  for (const char* wrong : {"SWITCHOVER TO",
                            "SWITCHOVER main now",
                            "SWITCHOVER TO a b",
                            "SWITCHOVER TO ''",
                            "SWITCHOVER DRY",
                            "SWITCHOVER DRY RUN TO a",
                            "FAILOVER TO",
                            "FAILOVER ALTHOUGH",
                            "FAILOVER ALTHOUGH THE LEADER",
                            "FAILOVER LOSS",
                            "FAILOVER LOSS some",
                            "FAILOVER LOSS any TO 'b:1'",
                            "SWITCHOVER LOSS any",
                            "REJOIN",
                            "REJOIN ''",
                            "REJOIN a b",
                            "MAINTENANCE",
                            "MAINTENANCE 'b:1'",
                            "MAINTENANCE ON",
                            "MAINTENANCE ON b IN"}) {
    EXPECT_EQ(understand(wrong).kind, Kind::error) << wrong;
  }
}

TEST(Understand, DescribeNamesItsTable) {
  EXPECT_EQ(understand("DESC `sluice`.`pools`").table, "pools");
  EXPECT_EQ(understand("SHOW FULL COLUMNS FROM events").table, "events");
  EXPECT_EQ(understand("DESCRIBE `x'y`").sql.find("'x'y'"), std::string::npos);
}

}  // namespace
}  // namespace sluice::admin
