// Cursors: those that a client opens and fetches from, and those of routines and blocks, which are nobody's but theirs.
#include "proxy/session/proxy_test.hpp"

namespace sluice::proxy {
namespace {

class SessionCursors : public ProxyTest {
 protected:
  static constexpr std::string_view block =
      "BEGIN NOT ATOMIC FOR rec IN (SELECT 1 AS a UNION SELECT 2) DO SELECT rec.a; END FOR; END";

  void make_routine() {
    cluster.root(0).exec(
        "CREATE PROCEDURE app.p() BEGIN DECLARE v INT; DECLARE c CURSOR FOR SELECT 1 UNION SELECT 2; OPEN c; "
        "FETCH c INTO v; SELECT v; FETCH c INTO v; SELECT v, 'two'; CLOSE c; END");
  }

  // All that a client sees of these statements as texts, prepared, and executed with a cursor asked for.
  std::vector<std::string> seen(RawClient& client) {
    std::vector<std::string> all;
    for (const std::string_view sql : {std::string_view("CALL p()"), block}) {
      client.send(query(sql));
      note(all, client.read_results());
      for (const std::uint8_t flags : {std::uint8_t{0}, std::uint8_t{1}}) {
        const std::uint32_t id = client.prepare(sql);
        client.send(execute(id, {}, false, flags));
        note(all, client.read_results(true, flags != 0));
        client.send(packet(Command::stmt_reset, number4(id)));
        note(all, client.read_results());
        client.send(packet(Command::stmt_fetch, number4(id) + number4(1)));
        note(all, client.read_results());
        client.send(packet(Command::stmt_close, number4(id)));
      }
    }
    return all;
  }

  static void note(std::vector<std::string>& all, const std::vector<Result>& results) {
    for (const Result& result : results) {
      std::string text = "kind " + std::to_string(static_cast<int>(result.kind)) + " status " +
                         std::to_string(result.status) + " error " + std::to_string(result.error);
      for (const auto& row : result.rows) {
        for (const auto& value : row) text += " " + value;
      }
      all.push_back(std::move(text));
    }
  }
};

TEST_P(SessionCursors, OneOnOneServerDoesNotForbidWrites) {
  options.workers = 1;
  cluster.root(0).exec("CREATE TABLE app.t (x INT)");
  cluster.root(0).exec("INSERT INTO app.t VALUES (1), (2), (3)");
  start();
  replicas_have_all();
  RawClient client(port());
  log_in(client);
  const std::uint32_t id = client.prepare("SELECT x FROM t");
  client.send(execute(id, {}, false, 1));
  const Result opened = client.read_result(true, true);
  ASSERT_NE(opened.status & protocol::status::cursor_exists, 0);
  EXPECT_NE(only_session().pin.find("cursor"), std::string::npos);
  EXPECT_EQ(client.run("INSERT INTO t VALUES (4)").kind, Result::Kind::ok);
  client.send(packet(Command::stmt_fetch, number4(id) + number4(2)));
  EXPECT_EQ(client.read_rows({}, 1, true).rows.size(), 2U);
  client.send(packet(Command::stmt_fetch, number4(id) + number4(10)));
  const Result rest = client.read_rows({}, 1, true);
  EXPECT_NE(rest.status & protocol::status::last_row_sent, 0);
  EXPECT_EQ(only_session().pin, "");
  client.send(packet(Command::stmt_fetch, number4(id) + number4(1)));
  EXPECT_EQ(client.read_result().error, 1421U);
}

TEST_P(SessionCursors, ThoseOfRoutinesAndBlocksAreNotTheClients) {
  options.workers = 1;
  make_routine();
  start();
  for (const Capabilities more : {Capabilities{0}, cap::deprecate_eof}) {
    RawClient direct(cluster->node(0).port()), through(port());
    direct.login(user(), password(), "app", RawClient::ordinary | more);
    log_in(through, "app", RawClient::ordinary | more);
    EXPECT_EQ(seen(through), seen(direct)) << "capabilities " << more;
    EXPECT_EQ(only_session().pin.find("cursor"), std::string::npos) << only_session().pin;
  }
}

SLUICE_PROXY_ON_BOTH_LOOPS(SessionCursors);

}  // namespace
}  // namespace sluice::proxy
