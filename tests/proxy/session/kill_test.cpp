// KILL: ids of sessions and of servers' threads are one world. What a client was shown can be ended, and nobody else
// is.
#include "proxy/session/proxy_test.hpp"
#include "proxy/session_id.hpp"

namespace sluice::proxy {
namespace {

class Kills : public ProxyTest {
 protected:
  void SetUp() override { usable = {false, false, false}; }

  static std::string id_of(const RawClient& client) { return std::to_string(client.greeting.connection_id); }
  std::string tie_of(const RawClient& client) {
    for (const auto& row : report().sessions) {
      if (row.id == client.greeting.connection_id) return row.pin;
    }
    return "no such session";
  }
  // As SHOW PROCESSLIST gives them: the id of the thread that runs this.
  static std::string shown(RawClient& client, const std::string& text) {
    std::string id;
    EXPECT_TRUE(await([&] {
      for (const auto& row : client.run("SHOW FULL PROCESSLIST").rows) {
        if (row.size() > 7 && row[7] == text) id = row[0];
      }
      return !id.empty();
    })) << text;
    return id;
  }
  // The thread's id that it is told.
  std::string log_in_and_ask(RawClient& client) {
    log_in(client);
    return client.run("SELECT CONNECTION_ID()").value();
  }
  // Past the proxy, as its clients' user.
  Sql direct(std::size_t node) {
    SqlAddress address;
    address.port = cluster->node(node).port();
    address.user = user();
    address.password = password();
    return Sql(address);
  }
};

TEST_P(Kills, SessionsAreNumberedFarFromThreads) {
  start();
  RawClient one(port());
  log_in(one);
  RawClient other(port());
  log_in(other);
  EXPECT_TRUE(is_session_id(one.greeting.connection_id));
  EXPECT_TRUE(is_session_id(other.greeting.connection_id));
  EXPECT_NE(one.greeting.connection_id, other.greeting.connection_id);
}

TEST_P(Kills, WhatTheProcessListShows) {
  start();
  RawClient victim(port());
  log_in(victim);
  victim.run("SET @x = 7");
  RawClient killer(port());
  log_in(killer);
  victim.send(query("SELECT SLEEP(600)"));
  EXPECT_EQ(killer.run("KILL QUERY " + shown(killer, "SELECT SLEEP(600)")).kind, Result::Kind::ok);
  EXPECT_EQ(victim.read_result().error, 1317U);
  EXPECT_EQ(victim.run("SELECT @x").value(), "7") << "KILL QUERY leaves the session";
  victim.send(query("SELECT SLEEP(601)"));
  EXPECT_EQ(killer.run("KILL " + shown(killer, "SELECT SLEEP(601)")).kind, Result::Kind::ok);
  EXPECT_NE(victim.read_result().kind, Result::Kind::rows);
  EXPECT_TRUE(await([&] { return report().clients == 1; })) << "KILL ends the session";
}

TEST_P(Kills, WhatConnectionIdTold) {
  options.workers = 1;
  start();
  RawClient victim(port());
  const std::string told = log_in_and_ask(victim);
  EXPECT_EQ(tie_of(victim), "connection_id");
  // Others don't get that connection.
  RawClient other(port());
  log_in(other);
  EXPECT_NE(other.run("SELECT @@pseudo_thread_id").value(), told);
  EXPECT_EQ(tie_of(other), "connection_id");
  EXPECT_EQ(victim.run("SELECT CONNECTION_ID()").value(), told);
  RawClient killer(port());
  log_in(killer);
  EXPECT_EQ(killer.run("KILL " + told).kind, Result::Kind::ok);
  EXPECT_TRUE(victim.at_end());
  EXPECT_EQ(other.run("SELECT 1").value(), "1");
  EXPECT_EQ(report().clients, 2U);
}

// It costs no session anything, and nobody gets a connection at which a KILL is aimed.
TEST_P(Kills, AConnectionThatNobodyHas) {
  options.workers = 1;
  start();
  RawClient bystander(port());
  log_in(bystander);
  RawClient killer(port());
  log_in(killer);
  killer.run("SET @mine = 1");
  bystander.run("DO 1");
  const std::string told = killer.run("SELECT CONNECTION_ID()").value();
  std::string idle;
  for (const auto& row : killer.run("SHOW PROCESSLIST").rows) {
    if (row[0] != told && row[4] == "Sleep") idle = row[0];
  }
  ASSERT_NE(idle, "");
  EXPECT_EQ(killer.run("KILL QUERY " + idle).kind, Result::Kind::ok);
  EXPECT_NE(bystander.run("SELECT CONNECTION_ID()").value(), idle);
  EXPECT_EQ(killer.run("KILL " + idle).kind, Result::Kind::ok);
  EXPECT_EQ(bystander.run("SELECT 1").value(), "1");
  EXPECT_EQ(report().clients, 2U);
}

TEST_P(Kills, TheServerJudgesWhoMay) {
  start();
  RawClient killer(port());
  log_in(killer);
  Sql root = cluster.root(0);
  const std::string roots = root.value("SELECT CONNECTION_ID()");
  EXPECT_EQ(killer.run("KILL " + roots).error, 1095U);
  EXPECT_EQ(killer.run("KILL QUERY " + roots).error, 1095U);
  EXPECT_EQ(root.value("SELECT 1"), "1");
  killer.send(packet(Command::process_kill, number4(static_cast<std::uint32_t>(std::stoul(roots)))));
  EXPECT_EQ(killer.read_result().error, 1095U);
  EXPECT_EQ(killer.run("KILL 999999").error, 1094U);
  EXPECT_EQ(killer.run("KILL 0").error, 1094U);
  EXPECT_EQ(killer.run("KILL 99999999999999999999999").error, 1094U);
  EXPECT_EQ(killer.run("KILL " + std::to_string(session_id_last)).error, 1094U) << "no session's";
  EXPECT_EQ(killer.run("KILL").error, 1064U);
  EXPECT_EQ(killer.run("KILL 5 5").error, 1064U);
  EXPECT_EQ(killer.run("SELECT 1").value(), "1");
}

TEST_P(Kills, ByCommand) {
  start();
  RawClient victim(port()), killer(port());
  const std::string told = log_in_and_ask(victim);
  log_in(killer);
  killer.send(packet(Command::process_kill, number4(static_cast<std::uint32_t>(std::stoul(told)))));
  EXPECT_EQ(killer.read_result().kind, Result::Kind::ok);
  EXPECT_TRUE(victim.at_end());
}

TEST_P(Kills, ByQueryIdAndByUser) {
  start();
  RawClient victim(port());
  log_in(victim);
  RawClient killer(port());
  log_in(killer);
  victim.send(query("SELECT SLEEP(602)"));
  shown(killer, "SELECT SLEEP(602)");
  const std::string number =
      killer.run("SELECT query_id FROM information_schema.processlist WHERE info = 'SELECT SLEEP(602)'").value();
  EXPECT_EQ(killer.run("KILL QUERY ID " + number).kind, Result::Kind::ok);
  EXPECT_EQ(victim.read_result().error, 1317U);
  EXPECT_EQ(killer.run("KILL USER 'nobody at all'").kind, Result::Kind::ok);
  EXPECT_EQ(killer.run("SELECT 1").value(), "1");
}

TEST_P(Kills, ByAnExpression) {
  start();
  RawClient victim(port());
  log_in(victim);
  RawClient killer(port());
  log_in(killer);
  victim.send(query("SELECT SLEEP(603)"));
  EXPECT_EQ(killer.run("KILL QUERY 0 + " + shown(killer, "SELECT SLEEP(603)")).kind, Result::Kind::ok);
  EXPECT_EQ(victim.read_result().error, 1317U);
  const std::string told = victim.run("SELECT CONNECTION_ID()").value();
  killer.run("SET @victim = " + told);
  EXPECT_EQ(killer.run("KILL /* whom? */ @victim;").kind, Result::Kind::ok);
  EXPECT_TRUE(victim.at_end());
  EXPECT_EQ(killer.run("KILL NULL").error, 1094U);
  EXPECT_EQ(killer.run("KILL nonsense").error, 1054U) << "unknown column, says the server";
  EXPECT_EQ(killer.run("KILL app.some_function()").error, 1235U);
  EXPECT_EQ(killer.run("KILL @victim := 1").error, 1235U);
  EXPECT_EQ(killer.run("SELECT @victim").value(), told);
}

// An expression may mean a session, too, and a session itself.
TEST_P(Kills, Oneself) {
  start();
  for (const bool tied : {false, true}) {
    for (const std::string how : {"KILL ", "KILL 0 + "}) {
      RawClient client(port());
      log_in(client);
      if (tied) client.run("SET @x = 1");
      client.run(how + id_of(client));
      EXPECT_TRUE(client.at_end()) << how << tied;
    }
    RawClient client(port());
    log_in(client);
    if (tied) client.run("SELECT CONNECTION_ID()");
    client.run("KILL CONNECTION_ID()");
    EXPECT_TRUE(client.at_end()) << tied;
  }
  EXPECT_TRUE(await([&] { return report().clients == 0; }));
}

TEST_P(Kills, WhoseAimCannotBeSeenIsRefused) {
  start();
  RawClient victim(port()), killer(port());
  const std::string told = log_in_and_ask(victim);
  log_in(killer);
  killer.send(query("SELECT 1; KILL " + told));
  EXPECT_EQ(killer.read_result().error, 1105U);
  killer.send(packet(Command::stmt_prepare, "KILL ?"));
  EXPECT_EQ(killer.read_result().error, 1295U) << "as text, then, say drivers to themselves";
  EXPECT_EQ(killer.run("SELECT 1").value(), "1");
  EXPECT_EQ(victim.run("SELECT CONNECTION_ID()").value(), told);
}

// A number that was another server's thread must not meet this one's.
TEST_P(Kills, OnALeaderThatIsNoMore) {
  start();
  RawClient killer(port());
  log_in(killer);
  Sql victim = direct(1);
  const std::string thread = victim.value("SELECT CONNECTION_ID()");
  publish(std::nullopt);
  killer.send(query("KILL " + thread));
  ASSERT_TRUE(await_state("holding"));
  publish(1);
  EXPECT_EQ(killer.read_result().error, 1094U);
  EXPECT_EQ(victim.value("SELECT 1"), "1");
}

// Whoever has seen an id has nothing on the server but that.
TEST_P(Kills, AnIdThatWasToldIsNoReasonForAnError) {
  start();
  RawClient client(port());
  log_in(client);
  client.run("SELECT CONNECTION_ID()");
  publish(1);
  EXPECT_EQ(client.run("SELECT @@server_id").value(), server_id(1));
  EXPECT_EQ(tie_of(client), "");
  cluster.root(1).exec("KILL " + client.run("SELECT CONNECTION_ID()").value());
  EXPECT_EQ(client.run("SELECT 1").value(), "1");
}

SLUICE_PROXY_ON_BOTH_LOOPS(Kills);

}  // namespace
}  // namespace sluice::proxy
