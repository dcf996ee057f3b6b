// Transactions that an error hides: the session stays where one may be open until a server says that none is.
#include "proxy/session/proxy_test.hpp"

namespace sluice::proxy {
namespace {

class OpenTransaction : public ProxyTest {
 protected:
  void SetUp() override {
    options.workers = 1;
    options.limits.backend_connections_max = 1;
    usable = {false, false, false};
    Sql root = cluster.root(0);
    root.exec("CREATE TABLE app.t (x INT)");
    root.exec(
        "CREATE PROCEDURE app.leaves_open() BEGIN START TRANSACTION; INSERT INTO t VALUES (1); "
        "SIGNAL SQLSTATE '45000'; END");
  }
};

TEST_P(OpenTransaction, ASecondErrorDoesNotHideIt) {
  start();
  RawClient client(port());
  log_in(client);
  EXPECT_EQ(client.run("CALL leaves_open()").error, 1644U);
  EXPECT_EQ(client.run("SELECT * FROM no_such_table").error, 1146U);
  EXPECT_NE(only_session().pin.find("transaction state unknown"), std::string::npos) << only_session().pin;
  EXPECT_NE(client.run("SELECT COUNT(*) FROM t").status & protocol::status::in_transaction, 0);
  EXPECT_EQ(client.run("COMMIT").error, 0U);
}

SLUICE_PROXY_ON_BOTH_LOOPS(OpenTransaction);

}  // namespace
}  // namespace sluice::proxy
