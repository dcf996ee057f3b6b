#include "admin/status.hpp"

#include <gtest/gtest.h>

namespace sluice::admin {
namespace {

Status example() {
  Status s;
  s.proxy = {"proxy",
             {{"version"},
              {"pid", true},
              {"state"},
              {"uptime_s", true},
              {"io"},
              {"io_reason"},
              {"workers", true},
              {"listening"},
              {"config"}},
             {{"0.1.0", "42", "running", "3725", "epoll", "epoll: asked for", "2", "127.0.0.1:6033", "s.toml"}}};
  s.clusters = {"clusters",
                {{"cluster"}, {"leader"}, {"reason"}},
                {{"main", "db1:1", "the only writable server"}, {"spare", std::nullopt, "no server answers"}}};
  s.servers = {
      "servers",
      {{"cluster"},
       {"server"},
       {"role"},
       {"healthy", true},
       {"lag_ms", true},
       {"busy", true},
       {"idle", true},
       {"waiting", true},
       {"why"}},
      {{"main", "db1:1", "leader", "1", std::nullopt, "3", "10", "0", "takes writes"},
       {"main", "db2:1", "replica", "0", "12000", std::nullopt, std::nullopt, std::nullopt, "12 s \"behind\"\n"}}};
  s.sessions = {"sessions",
                {{"user"},
                 {"cluster"},
                 {"sessions", true},
                 {"active", true},
                 {"in_transaction", true},
                 {"pinned", true},
                 {"statements", true}},
                {{"app", "main", "7", "1", "2", "3", "99"}}};
  return s;
}

TEST(Status, ReadsWell) {
  EXPECT_EQ(to_text(example()),
            "sluice 0.1.0: running for 1 h 2 min, pid 42, clients on 127.0.0.1:6033\n"
            "event loop epoll: asked for; 2 workers, config s.toml\n"
            "\n"
            "CLUSTER  LEADER  WHY\n"
            "main     db1:1   the only writable server\n"
            "spare    NONE    no server answers\n"
            "\n"
            "CLUSTER  SERVER  ROLE     HEALTH  LAG       BUSY  IDLE  WAITING  WHY\n"
            "main     db1:1   leader   ok      -         3     10    0        takes writes\n"
            "main     db2:1   replica  BAD     12000 ms  -     -     -        12 s \"behind\"?\n"
            "\n"
            "USER  CLUSTER  SESSIONS  ACTIVE  IN TRANSACTION  PINNED  STATEMENTS\n"
            "app   main     7         1       2               3       99\n");
}

TEST(Status, JsonKeepsTypes) {
  const std::string json = to_json(example());
  EXPECT_NE(json.find(R"("clusters":[{"cluster":"main","leader":"db1:1","reason":"the only writable server"},)"
                      R"({"cluster":"spare","leader":null,"reason":"no server answers"}])"),
            std::string::npos)
      << json;
  EXPECT_NE(json.find(R"("lag_ms":12000)"), std::string::npos);
  EXPECT_NE(json.find(R"("why":"12 s \"behind\"\n"})"), std::string::npos) << json;
  EXPECT_TRUE(json.starts_with(R"({"proxy":{"version":"0.1.0","pid":42,)"));
}

TEST(Status, WellMeansLedAndHealthy) {
  Status s = example();
  EXPECT_FALSE(all_well(s));
  s.clusters.rows.pop_back();
  EXPECT_FALSE(all_well(s));
  s.servers.rows.pop_back();
  EXPECT_TRUE(all_well(s));
}

}  // namespace
}  // namespace sluice::admin
