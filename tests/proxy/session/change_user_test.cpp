// COM_CHANGE_USER: what it forgets, and what is left when it is refused.
#include "proxy/session/proxy_test.hpp"

namespace sluice::proxy {
namespace {

class ChangeUser : public ProxyTest {};

TEST_P(ChangeUser, ForgetsEverything) {
  Sql root = cluster.root(0);
  root.exec("CREATE DATABASE other");
  root.exec(std::string("GRANT ALL ON other.* TO ") + user());
  root.exec("CREATE TABLE app.t (x INT)");
  start();
  cluster->await_replicated();  // a replica will be asked in the other schema
  RawClient client(port());
  log_in(client);
  const std::uint32_t id = client.prepare("SELECT 1");
  client.run("SET @x = 1");
  client.run("BEGIN");
  client.run("INSERT INTO t VALUES (1)");
  EXPECT_EQ(client.change_user(user(), password(), "other").kind, Result::Kind::ok);
  EXPECT_EQ(client.run("SELECT CONCAT(DATABASE(), IFNULL(@x, '-'))").value(), "other-");
  client.send(execute(id, {}, false));
  EXPECT_EQ(client.read_result().error, 1243U);
  EXPECT_EQ(root.value("SELECT COUNT(*) FROM app.t"), "0");
}

// It is reset and goes on, in its schema: what is seen then, after each kind of refusal. After three there is no other.
TEST_P(ChangeUser, ThatIsRefused) {
  start();
  const auto seen_at = [&](std::uint16_t at) {
    RawClient client(at);
    client.collation = 31;
    EXPECT_EQ(client.login(user(), password(), "app").kind, Result::Kind::ok);
    std::vector<std::string> seen;
    const auto note = [&](const Result& result) {
      seen.push_back(std::to_string(result.error));
      seen.push_back(client
                         .run("SELECT CONCAT_WS(' ', CURRENT_USER(), DATABASE(), IFNULL(@x, '-'), @@sql_mode, "
                              "@@character_set_client, @@character_set_results, @@collation_connection)")
                         .value());
    };
    client.run("SET @x = 1, sql_mode = 'ANSI', NAMES latin1 COLLATE latin1_bin");
    const Result refused = client.change_user(user(), "wrong", "");
    EXPECT_NE(refused.text.find("using password: YES"), std::string::npos) << refused.text;
    note(refused);
    note(client.change_user("nobody", password(), "app", 33));
    note(client.change_user(user(), password(), "no_such_schema"));
    note(client.change_user(user(), password(), "app"));
    return seen;
  };
  const auto through = seen_at(port());
  EXPECT_EQ(through, seen_at(cluster->node(0).port()));
  EXPECT_EQ(through[0], "1045");
  EXPECT_NE(through[1].find(" app - "), std::string::npos) << through[1];
}

SLUICE_PROXY_ON_BOTH_LOOPS(ChangeUser);

}  // namespace
}  // namespace sluice::proxy
