#include "failover/workflows/privileges.hpp"

#include <gtest/gtest.h>

namespace sluice::failover {
namespace {

const ServerKind mariadb = ServerKind::from_version("10.11.6-MariaDB");
const ServerKind mariadb_10_6 = ServerKind::from_version("10.6.16-MariaDB");
const ServerKind mariadb_10_4 = ServerKind::from_version("10.4.32-MariaDB");
const ServerKind mysql56 = ServerKind::from_version("5.6.24-log");
const ServerKind mysql80 = ServerKind::from_version("8.0.36");

std::string missing(const ServerKind& kind, std::vector<std::string> grants) {
  ResultTable table{{"Grants"}, {}};
  for (auto& grant : grants) table.rows.push_back({std::move(grant)});
  return listed(missing_privileges(kind, table));
}

TEST(Privileges, AllThatIsNamedIsEnough) {
  for (const auto& kind : {mariadb, mariadb_10_6, mariadb_10_4, mysql56, mysql80})
    EXPECT_EQ(missing(kind, {"GRANT " + listed(privileges_to_act(kind)) + " ON *.* TO `m`@`%` IDENTIFIED BY '*1'"}),
              "");
}

TEST(Privileges, TheyMayStandInSeveralGrants) {
  EXPECT_EQ(missing(mysql80, {"GRANT PROCESS, RELOAD ON *.* TO `m`@`%`", "GRANT REPLICATION CLIENT ON *.* TO `m`@`%`",
                              "GRANT SUPER ON *.* TO `m`@`%` WITH GRANT OPTION"}),
            "");
}

TEST(Privileges, AllPrivilegesIncludeThem) {
  EXPECT_EQ(missing(mariadb, {"GRANT ALL PRIVILEGES ON *.* TO `root`@`localhost` WITH GRANT OPTION"}), "");
  EXPECT_EQ(missing(mysql56, {"GRANT ALL PRIVILEGES ON *.* TO 'root'@'localhost'"}), "");
}

TEST(Privileges, WhatIsMissingIsNamed) {
  EXPECT_EQ(missing(mysql56, {"GRANT PROCESS, REPLICATION CLIENT ON *.* TO 'm'@'%'"}), "RELOAD, SUPER");
  EXPECT_EQ(missing(mysql56, {}), listed(privileges_to_act(mysql56)));
  EXPECT_EQ(missing(mysql56, {"GRANT USAGE ON *.* TO 'm'@'%'", "GRANT ALL PRIVILEGES ON `app`.* TO 'm'@'%'"}),
            listed(privileges_to_act(mysql56)));
}

TEST(Privileges, SuperIncludesWhatItWasSplitIntoBefore10_11) {
  const std::string grant = "GRANT PROCESS, RELOAD, BINLOG MONITOR, SLAVE MONITOR, SUPER ON *.* TO `m`@`%`";
  EXPECT_EQ(missing(mariadb_10_6, {grant}), "");
  EXPECT_EQ(missing(mariadb, {grant}),
            "READ_ONLY ADMIN, CONNECTION ADMIN, REPLICATION SLAVE ADMIN, REPLICATION MASTER ADMIN");
}

TEST(Privileges, NoNameIsTakenForAPartOfAnother) {
  EXPECT_EQ(missing(mysql56, {"GRANT SUPERVISE, RELOADED, REPLICATION CLIENT, PROCESS ON *.* TO 'm'@'%'"}),
            "RELOAD, SUPER");
}

TEST(Privileges, AnAnswerOfAnotherShapeGivesNothing) {
  ResultTable table{{"Grants"}, {{}, {std::nullopt}, {"GRANT "}, {"GRANT  ON *.* TO "}, {"REVOKE SUPER ON *.* TO x"}}};
  EXPECT_EQ(listed(missing_privileges(mysql56, table)), listed(privileges_to_act(mysql56)));
}

}  // namespace
}  // namespace sluice::failover
