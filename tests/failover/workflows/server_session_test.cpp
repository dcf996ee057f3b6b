// failover/workflows/server_session against real servers: what it knows of itself, and what it survives.
#include <gtest/gtest.h>
#include <signal.h>

#include <optional>

#include "failover/workflows/workflow_run.hpp"

namespace sluice::failover {
namespace {

using namespace std::chrono_literals;
using testing::WorkflowRun;

constexpr unsigned no_such_thread = 1094;
constexpr unsigned more_than_one_row = 1242;
constexpr unsigned privilege_missing = 1227;

class ServerSessionTest : public ::testing::TestWithParam<test::Flavour> {
 protected:
  void SetUp() override { ::signal(SIGPIPE, SIG_IGN); }

  struct Answer {
    DriverError error;
    std::vector<ResultTable> tables;
  };
  std::shared_ptr<ServerSession> make(const std::string& user, const std::string& password, const std::string& host) {
    const auto port = cluster_->node(0).port();
    return std::make_shared<ServerSession>(run_.io(), Login{{"db1", host, port, ""}, user, password, false});
  }
  std::shared_ptr<ServerSession> as_monitor(const std::string& host = "127.0.0.1") {
    return make(std::string(demo::manager_user), cluster_->passwords().manager, host);
  }
  std::string open(ServerSession& session) {
    std::optional<std::string> found;
    session.open(std::chrono::steady_clock::now() + test::hang_limit, [&](const std::string& error) { found = error; });
    run_.run_until("a session", [&] { return found.has_value(); });
    return found.value_or("not told");
  }
  Answer ask(ServerSession& session, const std::string& sql, std::chrono::milliseconds within = test::hang_limit) {
    std::optional<Answer> found;
    session.ask(sql, std::chrono::steady_clock::now() + within,
                [&](const DriverError& error, const std::vector<ResultTable>& tables) { found = {error, tables}; });
    run_.run_until("an answer", [&] { return found.has_value(); });
    return found.value_or(Answer{});
  }

  test::TestCluster& cluster_ = test::shared_cluster(GetParam());
  WorkflowRun run_{cluster_};
};

TEST_P(ServerSessionTest, KnowsItsConnection) {
  const auto session = as_monitor("localhost");
  ASSERT_EQ(open(*session), "");
  const auto id = std::to_string(session->id().id);
  EXPECT_EQ(cluster_.root(0).value("SELECT HOST FROM information_schema.PROCESSLIST WHERE ID = " + id),
            session->id().host);
  EXPECT_FALSE(session->in_doubt());
}

TEST_P(ServerSessionTest, GoesOnAfterARefusal) {
  const auto session = as_monitor();
  ASSERT_EQ(open(*session), "");
  EXPECT_EQ(ask(*session, "KILL CONNECTION 4000000000").error.code, no_such_thread);
  EXPECT_FALSE(session->in_doubt());
  // After the first row has been sent.
  EXPECT_EQ(
      ask(*session,
          "SELECT CASE n WHEN 2 THEN (SELECT 1 UNION SELECT 2) ELSE n END FROM (SELECT 1 AS n UNION ALL SELECT 2) "
          "AS two")
          .error.code,
      more_than_one_row);
  const auto answer = ask(*session, "SELECT 7");
  EXPECT_FALSE(answer.error.failed()) << answer.error.text;
  EXPECT_EQ(answer.tables.at(0).rows.at(0).at(0), "7");
}

TEST_P(ServerSessionTest, IsInDoubtAfterWhatItDidNotSeeTheEndOf) {
  const auto session = as_monitor();
  ASSERT_EQ(open(*session), "");
  EXPECT_TRUE(ask(*session, "SELECT SLEEP(3600)", 50ms).error.timed_out);
  EXPECT_TRUE(session->in_doubt());
  cluster_.root(0).exec("KILL " + std::to_string(session->id().id));
  const auto killed = as_monitor();
  ASSERT_EQ(open(*killed), "");
  cluster_.root(0).exec("KILL " + std::to_string(killed->id().id));
  EXPECT_TRUE(ask(*killed, "SELECT 1").error.failed());
  EXPECT_TRUE(killed->in_doubt());
}

TEST_P(ServerSessionTest, SaysWhatAnAccountLacks) {
  auto root = cluster_.root(0);
  root.exec("CREATE USER 'bare'@'%' IDENTIFIED BY 'secret word'");
  const auto session = make("bare", "secret word", "127.0.0.1");
  ASSERT_EQ(open(*session), "");
  const auto answer = ask(*session, take_global_lock());
  EXPECT_EQ(answer.error.code, privilege_missing);
  const auto text = session->explain(answer.error);
  EXPECT_NE(text.find("GRANT PROCESS, "), std::string::npos) << text;
  EXPECT_FALSE(session->in_doubt());
  const auto wrong = make("bare", "another secret", "127.0.0.1");
  const auto error = open(*wrong);
  EXPECT_NE(error.find("1045"), std::string::npos) << error;
  EXPECT_EQ(error.find("another secret"), std::string::npos) << error;
  root.exec("DROP USER 'bare'@'%'");
}

TEST_P(ServerSessionTest, ANameWithoutAnAddressIsAnError) {
  const auto session = as_monitor("no-such-host.invalid");
  EXPECT_NE(open(*session).find("no-such-host.invalid"), std::string::npos);
}

INSTANTIATE_TEST_SUITE_P(Servers, ServerSessionTest, ::testing::Values(test::Flavour::mariadb, test::Flavour::mysql56),
                         [](const auto& flavour) { return std::string(demo::to_string(flavour.param)); });

}  // namespace
}  // namespace sluice::failover
