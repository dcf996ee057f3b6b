// How clients reach it: TLS, the unix socket, pipelined and multiple results, and what they are told of the server.
#include "system/prepared.hpp"
#include "system/system_test.hpp"

namespace sluice::test {
namespace {

struct Closing {
  void operator()(MYSQL* connection) const { mysql_close(connection); }
};
using Connection = std::unique_ptr<MYSQL, Closing>;

class ConnectionsTest : public SystemTest {
 protected:
  [[nodiscard]] Connection connect_tls(const std::string& ca = {}) const {
    Connection connection(mysql_init(nullptr));
    const my_bool on = 1;
    const my_bool verify = ca.empty() ? 0 : 1;
    mysql_options(connection.get(), MYSQL_OPT_SSL_ENFORCE, &on);
    mysql_options(connection.get(), MYSQL_OPT_SSL_VERIFY_SERVER_CERT, &verify);
    if (!ca.empty()) mysql_ssl_set(connection.get(), nullptr, nullptr, ca.c_str(), nullptr, nullptr);
    const SqlAddress address = client_address();
    if (mysql_real_connect(connection.get(), "127.0.0.1", address.user.c_str(), address.password.c_str(), "app",
                           address.port, nullptr, 0) == nullptr) {
      throw SqlError(mysql_errno(connection.get()), mysql_sqlstate(connection.get()), mysql_error(connection.get()));
    }
    return connection;
  }
  static std::string value(MYSQL* connection, const std::string& query) {
    if (mysql_real_query(connection, query.data(), query.size()) != 0) return mysql_error(connection);
    MYSQL_RES* result = mysql_store_result(connection);
    MYSQL_ROW row = mysql_fetch_row(result);
    const std::string text = row != nullptr ? std::string(row[0], mysql_fetch_lengths(result)[0]) : "";
    mysql_free_result(result);
    return text;
  }
};

TEST_P(ConnectionsTest, Tls) {
  start();
  const Connection connection = connect_tls();
  EXPECT_NE(mysql_get_ssl_cipher(connection.get()), nullptr);
  EXPECT_EQ(admin_value("SELECT tls FROM sessions"), "1");
  // Records in and out, small and large.
  EXPECT_EQ(value(connection.get(), "SELECT REPEAT('t', 5000000)"), std::string(5'000'000, 't'));
  EXPECT_EQ(value(connection.get(), "SELECT LENGTH('" + std::string(900'000, 'q') + "')"), "900000");
  for (int i = 0; i < 200; ++i) ASSERT_EQ(value(connection.get(), "SELECT " + std::to_string(i)), std::to_string(i));
}

TEST_P(ConnectionsTest, TheSelfMadeCertificateStaysAndCanBeTrusted) {
  start();
  const auto folder = folder_.path() / "tls";
  std::string certificate;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    if (entry.path().string().find("key") == std::string::npos) certificate = entry.path().string();
  }
  ASSERT_NE(certificate, "");
  const auto written = std::filesystem::last_write_time(certificate);
  EXPECT_EQ(proxy_->terminate(), 0);
  start();
  EXPECT_EQ(std::filesystem::last_write_time(certificate), written);
}

TEST_P(ConnectionsTest, TlsCanBeRequired) {
  start({.extra = "[proxy.tls]\nrequired = true\n"});
  EXPECT_THROW(client(), SqlError);
  EXPECT_EQ(value(connect_tls().get(), "SELECT 1"), "1");
  SqlAddress local = client_address();
  local.socket = (folder_.path() / "mysql.sock").string();
  EXPECT_EQ(Sql(local).value("SELECT 1"), "1");
}

TEST_P(ConnectionsTest, UnixSocket) {
  start();
  SqlAddress local = client_address();
  local.socket = (folder_.path() / "mysql.sock").string();
  Sql sql(local);
  sql.exec("CREATE TABLE t (id INT)");
  sql.exec("INSERT INTO t VALUES (4)");
  EXPECT_EQ(sql.value("SELECT id FROM t"), "4");
}

TEST_P(ConnectionsTest, TheServerIsTheOneThatTheyKnow) {
  start();
  Sql here = client();
  Sql there = cluster_.app(0);
  EXPECT_STREQ(mysql_get_server_info(here.raw()), mysql_get_server_info(there.raw()));
  for (const char* question : {"SELECT @@version", "SELECT VERSION()", "SELECT DATABASE()", "SELECT USER()",
                               "SELECT CURRENT_USER()", "SELECT @@character_set_client, @@collation_connection"}) {
    EXPECT_EQ(outcome_of(here, question), outcome_of(there, question)) << question;
  }
  EXPECT_EQ(mysql_ping(here.raw()), 0);
  EXPECT_NE(mysql_stat(here.raw()), nullptr);
  EXPECT_EQ(mysql_get_server_version(here.raw()), mysql_get_server_version(there.raw()));
}

TEST_P(ConnectionsTest, SeveralResults) {
  cluster_.root(0).exec("CREATE PROCEDURE app.two() BEGIN SELECT 1; SELECT 2, 3; END");
  cluster_->await_replicated();
  start();
  Sql sql = client();
  const auto results = [&](const std::string& query) {
    std::vector<unsigned> columns;
    EXPECT_EQ(mysql_real_query(sql.raw(), query.data(), query.size()), 0) << mysql_error(sql.raw());
    do {
      MYSQL_RES* result = mysql_store_result(sql.raw());
      columns.push_back(result != nullptr ? mysql_num_fields(result) : 0);
      mysql_free_result(result);
    } while (mysql_next_result(sql.raw()) == 0);
    return columns;
  };
  EXPECT_EQ(results("CALL two()"), (std::vector<unsigned>{1, 2, 0}));
  EXPECT_EQ(results("SELECT 1; SELECT 2, 3; DO 1; SELECT 4, 5, 6"), (std::vector<unsigned>{1, 2, 0, 3}));
  EXPECT_EQ(sql.value("SELECT 9"), "9");
}

TEST_P(ConnectionsTest, SessionsAreResetAndChanged) {
  start();
  Sql sql = client();
  sql.exec("SET @x = 5");
  sql.exec("CREATE TEMPORARY TABLE tt (id INT)");
  sql.exec("SET sql_mode = 'ANSI_QUOTES'");
  EXPECT_EQ(mysql_reset_connection(sql.raw()), 0) << mysql_error(sql.raw());
  EXPECT_EQ(sql.query("SELECT @x"), (Rows{{std::nullopt}}));
  EXPECT_EQ(outcome_of(sql, "SELECT * FROM tt").code, 1146U);
  EXPECT_EQ(sql.value("SELECT \"text\""), "text");
  EXPECT_EQ(sql.value("SELECT DATABASE()"), "app");
  sql.exec("SET @x = 6");
  const std::string password = cluster_->passwords().app;
  EXPECT_EQ(mysql_change_user(sql.raw(), "app", password.c_str(), nullptr), 0) << mysql_error(sql.raw());
  EXPECT_EQ(sql.query("SELECT @x, DATABASE()"), (Rows{{std::nullopt, std::nullopt}}));
  // And once more: the nonce is the one that the client knows.
  EXPECT_EQ(mysql_change_user(sql.raw(), "app", password.c_str(), "app"), 0) << mysql_error(sql.raw());
  EXPECT_EQ(sql.value("SELECT DATABASE()"), "app");
}

TEST_P(ConnectionsTest, TheCachingMethod) {
  start({.extra = "[[user]]\nname = \"demo_root\"\npassword = \"" + cluster_->passwords().root +
                  "\"\nauth_plugin = \"caching_sha2_password\"\n"});
  SqlAddress address = client_address();
  address.user = demo::root_user;
  address.password = cluster_->passwords().root;
  EXPECT_EQ(Sql(address).value("SELECT 1"), "1");
  Sql sql(address);
  EXPECT_EQ(mysql_change_user(sql.raw(), "app", cluster_->passwords().app.c_str(), "app"), 0) << mysql_error(sql.raw());
  EXPECT_EQ(sql.value("SELECT CURRENT_USER()"), "app@%");
  EXPECT_EQ(mysql_change_user(sql.raw(), address.user.c_str(), address.password.c_str(), "app"), 0)
      << mysql_error(sql.raw());
  EXPECT_EQ(sql.value("SELECT CURRENT_USER()"), "demo_root@%");
  address.password += "x";
  EXPECT_THROW(Sql{address}, SqlError);
}

INSTANTIATE_TEST_SUITE_P(Loops, ConnectionsTest, on_loops(), loop_name);

}  // namespace
}  // namespace sluice::test
