// A table, and stored code that does more than a statement's text tells.
#pragma once

#include <string>

#include "proxy/session/proxy_test.hpp"
#include "proxy/session/trusted_functions.hpp"

namespace sluice::proxy {

class HiddenEffectsFixture : public ProxyTest {
 protected:
  void SetUp() override {
    cluster.root(0).exec("CREATE TABLE app.t (id INT PRIMARY KEY AUTO_INCREMENT, x INT)");
    cluster.root(0).exec(
        "CREATE FUNCTION app.write_one() RETURNS INT BEGIN INSERT INTO app.t (x) VALUES (1); RETURN @@server_id; END");
  }
  void TearDown() override {
    ProxyTest::TearDown();
    trusted_.restore();
  }

  // One worker, one connection to each server.
  void one_connection() {
    options.workers = 1;
    options.limits.backend_connections_max = 1;
  }
  // `seen` sets @seen, `w` writes a row; both tell which server did it.
  void create_views() {
    Sql root = cluster.root(0);
    root.exec("CREATE FUNCTION app.remember() RETURNS INT BEGIN SET @seen = 42; RETURN @@server_id; END");
    root.exec("CREATE VIEW app.seen AS SELECT app.remember() AS x");
    root.exec("CREATE VIEW app.w AS SELECT app.write_one() AS s");
  }
  std::string rows(std::size_t server) { return cluster.root(server).value("SELECT COUNT(*) FROM app.t"); }

 private:
  TrustedFunctions trusted_{cluster};
};

}  // namespace sluice::proxy
