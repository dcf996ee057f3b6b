// The admin SQL port over real sockets: with Connector/C as applications use it, and with bytes that no client sends.
#include "admin/sql/server.hpp"

#include <gtest/gtest.h>
#include <mysql.h>

#include <boost/asio/connect.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/write.hpp>
#include <future>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "admin/sql/test_state.hpp"
#include "support/time.hpp"

namespace sluice::admin {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;
using boost::system::error_code;

struct CloseMysql {
  void operator()(MYSQL* mysql) const { mysql_close(mysql); }
};
using Client = std::unique_ptr<MYSQL, CloseMysql>;

class SqlServerTest : public testing::Test {
 protected:
  void start(void (*adjust)(SqlOptions&) = [](SqlOptions&) {}) {
    SqlOptions options;
    options.login_timeout_ms = options.write_timeout_ms = options.engine.run_ms_max = sluice::test::never_ms;
    adjust(options);
    options.listen = {"127.0.0.1", 0, {}};
    options.account.user = "admin";
    options.account.credential.password = "adm1n-pw";
    auto server = listen_sql(io_, std::move(options), source_);
    ASSERT_TRUE(server) << server.error();
    server_ = *server;
    thread_ = std::thread([this] { io_.run(); });
  }
  void TearDown() override {
    if (!thread_.joinable()) return;
    on_loop([this] { server_->stop(); });
    work_.reset();
    thread_.join();
  }
  // Runs on the control thread and waits for it.
  template <class Fn>
  void on_loop(Fn fn) {
    std::promise<void> done;
    asio::post(io_, [&] {
      fn();
      done.set_value();
    });
    done.get_future().wait();
  }

  // Logs on; on failure the client keeps the error.
  Client connect(const char* password = "adm1n-pw", const char* user = "admin") {
    Client client(mysql_init(nullptr));
    my_bool verify = 0;
    mysql_options(client.get(), MYSQL_OPT_SSL_VERIFY_SERVER_CERT, &verify);
    const unsigned port = server_->endpoint().port;
    connected_ = mysql_real_connect(client.get(), "127.0.0.1", user, password, nullptr, port, nullptr, 0) != nullptr;
    return client;
  }
  // Rows as text; or "error N: …".
  static std::string query(const Client& client, const std::string& sql) {
    if (mysql_real_query(client.get(), sql.data(), sql.size()) != 0) {
      return "error " + std::to_string(mysql_errno(client.get())) + ": " + mysql_error(client.get());
    }
    MYSQL_RES* result = mysql_store_result(client.get());
    if (result == nullptr) return mysql_errno(client.get()) == 0 ? "ok" : "error";
    std::string out;
    while (MYSQL_ROW row = mysql_fetch_row(result)) {
      if (!out.empty()) out += "\n";
      for (unsigned i = 0; i < mysql_num_fields(result); ++i) {
        if (i > 0) out += "|";
        out += row[i] == nullptr ? "NULL" : row[i];
      }
    }
    mysql_free_result(result);
    return out;
  }

  asio::io_context io_;
  asio::executor_work_guard<asio::io_context::executor_type> work_{io_.get_executor()};
  test::FixedSource source_{io_};
  std::shared_ptr<Port> server_;
  std::thread thread_;
  bool connected_ = false;
};

TEST_F(SqlServerTest, AnswersQueries) {
  start();
  const Client client = connect();
  ASSERT_TRUE(connected_) << mysql_error(client.get());
  EXPECT_EQ(query(client, "SELECT server, role FROM servers WHERE healthy ORDER BY 1"),
            "127.0.0.1:1|leader\n127.0.0.1:2|replica");
  EXPECT_EQ(query(client, "SELECT lag_ms FROM servers LIMIT 1"), "NULL");
  EXPECT_EQ(query(client, "SET NAMES utf8mb4"), "ok");
  EXPECT_EQ(query(client, "SELECT nope FROM servers"), "error 1054: unknown column 'nope'");
  EXPECT_EQ(query(client, ""), "error 1065: the query is empty");
  EXPECT_EQ(mysql_ping(client.get()), 0);
  EXPECT_EQ(mysql_select_db(client.get(), "anything"), 0);
  EXPECT_EQ(query(client, "SELECT 1"), "1");
}

TEST_F(SqlServerTest, TellsColumnTypes) {
  start();
  const Client client = connect();
  ASSERT_EQ(mysql_query(client.get(), "SELECT id, user FROM sessions"), 0);
  MYSQL_RES* result = mysql_store_result(client.get());
  ASSERT_NE(result, nullptr);
  EXPECT_EQ(mysql_fetch_field_direct(result, 0)->type, MYSQL_TYPE_LONGLONG);
  EXPECT_EQ(mysql_fetch_field_direct(result, 1)->type, MYSQL_TYPE_VAR_STRING);
  EXPECT_STREQ(mysql_fetch_field_direct(result, 1)->name, "user");
  mysql_free_result(result);
}

TEST_F(SqlServerTest, ListsFields) {
  start();
  const Client client = connect();
  MYSQL_RES* result = mysql_list_fields(client.get(), "clusters", nullptr);
  ASSERT_NE(result, nullptr) << mysql_error(client.get());
  EXPECT_EQ(mysql_num_fields(result), find_admin_table("clusters")->columns.size());
  mysql_free_result(result);
  EXPECT_EQ(query(client, "SELECT 1"), "1") << "in step afterwards";
}

TEST_F(SqlServerTest, RefusesPreparedStatementsInWords) {
  start();
  const Client client = connect();
  MYSQL_STMT* statement = mysql_stmt_init(client.get());
  EXPECT_NE(mysql_stmt_prepare(statement, "SELECT 1", 8), 0);
  EXPECT_EQ(mysql_stmt_errno(statement), 1295U);
  mysql_stmt_close(statement);
  EXPECT_EQ(query(client, "SELECT 1"), "1");
}

TEST_F(SqlServerTest, DeniesWithoutSayingWhichPartIsWrong) {
  start();
  for (const auto& [user, password] : {std::pair{"admin", "wrong"}, std::pair{"nobody", "adm1n-pw"}}) {
    const Client client = connect(password, user);
    EXPECT_FALSE(connected_);
    EXPECT_EQ(mysql_errno(client.get()), 1045U);
    EXPECT_EQ(std::string(mysql_error(client.get())).find(password), std::string::npos);
  }
  const Client client = connect("", "admin");
  EXPECT_FALSE(connected_);
  EXPECT_NE(std::string(mysql_error(client.get())).find("(using password: NO)"), std::string::npos);
}

TEST_F(SqlServerTest, CommandsReachTheProcess) {
  start();
  const Client client = connect();
  EXPECT_EQ(query(client, "KILL 6"), "ok");
  EXPECT_EQ(query(client, "KILL 7"), "error 1094: Unknown thread id: 7");
  EXPECT_EQ(query(client, "SHUTDOWN"), "ok");
  EXPECT_EQ(query(client, "SELECT 1"), "1") << "the order is passed on once its answer is out";
  on_loop([this] {
    EXPECT_EQ(source_.killed, std::vector<std::uint32_t>{6});
    EXPECT_TRUE(source_.shut_down);
  });
}

TEST_F(SqlServerTest, ASwitchoverIsAnsweredWhenItIsOver) {
  source_.change.kind = "switchover";
  source_.change.outcome = "done";
  source_.change.reason = "b leads under epoch 2";
  source_.change.took_ms = 3;
  source_.change.steps = {{"hold a", true, "", std::chrono::microseconds(1200)}};
  start();
  const Client client = connect();
  EXPECT_EQ(query(client, "SWITCHOVER main TO 'b'"), "hold a|1|1200|\nb leads under epoch 2|1|3000|");
  on_loop([this] {
    ASSERT_EQ(source_.ordered.size(), 1U);
    EXPECT_EQ(source_.ordered[0].cluster, "main");
    EXPECT_EQ(source_.ordered[0].server, "b");
    source_.change.outcome = "refused";
    source_.change.reason = "b is 5 s behind";
  });
  EXPECT_EQ(query(client, "SWITCHOVER"), "error 1105: the switchover was refused: b is 5 s behind");
  EXPECT_EQ(query(client, "SELECT 1"), "1");
}

TEST_F(SqlServerTest, ShowsChangesAndTheirSteps) {
  start();
  const Client client = connect();
  EXPECT_EQ(query(client, "SELECT * FROM history"),
            "1|2023-11-14 22:13:20.123|main|switchover|127.0.0.1:1|127.0.0.1:2|7|rolled back|12|127.0.0.1:1 goes on "
            "leading");
  EXPECT_EQ(query(client, "SELECT * FROM history_steps WHERE NOT ok"), "1|2|freeze 127.0.0.1:1|0|5|it failed");
}

TEST_F(SqlServerTest, ConnectionsAreBounded) {
  start([](SqlOptions& o) { o.connections_max = 1; });
  const Client first = connect();
  ASSERT_TRUE(connected_);
  const Client second = connect();
  EXPECT_FALSE(connected_);
  EXPECT_EQ(query(first, "SELECT 1"), "1");
}

// Sends bytes and reads until the server closes; CTest's limit is what fails if it does not.
std::string until_closed(tcp::socket& socket, const std::string& bytes) {
  error_code error;
  asio::write(socket, asio::buffer(bytes), error);
  std::string out;
  std::array<char, 4096> chunk{};
  for (;;) {
    const std::size_t got = socket.read_some(asio::buffer(chunk), error);
    if (error) return out;
    out.append(chunk.data(), got);
  }
}

class HostileBytes : public SqlServerTest, public testing::WithParamInterface<std::string> {};

TEST_P(HostileBytes, EndInAClosedConnectionAndNothingElse) {
  start([](SqlOptions& o) { o.login_timeout_ms = 100; });
  asio::io_context io;
  tcp::socket socket(io);
  socket.connect({asio::ip::address_v4::loopback(), server_->endpoint().port});
  const std::string answer = until_closed(socket, GetParam());
  EXPECT_LT(answer.size(), 1000U);
  // Others are served; one that takes longer than that is dropped as well, and tries again.
  EXPECT_TRUE(sluice::test::await([this] {
    connect();
    return connected_;
  }));
}

std::string packet(unsigned length, unsigned sequence, const std::string& payload) {
  std::string out;
  for (int i = 0; i < 3; ++i) out += static_cast<char>(length >> (8 * i));
  return out + static_cast<char>(sequence) + payload;
}

INSTANTIATE_TEST_SUITE_P(Table, HostileBytes,
                         testing::Values(std::string(), std::string("GET / HTTP/1.1\r\n\r\n"),
                                         std::string(100'000, '\xff'), std::string(100'000, '\0'), packet(0, 1, ""),
                                         packet(0xffffff, 1, std::string(70'000, 'x')),
                                         packet(32, 7, std::string(32, '\0')), packet(32, 1, std::string(32, '\0')),
                                         packet(32, 1, std::string("\x00\x0a", 2) + std::string(30, '\0')),
                                         packet(200, 1, std::string("\x05\xa2\x0f", 3) + std::string(100, 'a'))));

TEST_F(SqlServerTest, ManyPipelinedQueriesAreAnsweredInOrder) {
  start();
  const Client client = connect();
  ASSERT_TRUE(connected_);
  constexpr int count = 500;
  for (int i = 0; i < count; ++i) {
    const std::string sql = "SELECT " + std::to_string(i);
    ASSERT_EQ(mysql_send_query(client.get(), sql.data(), sql.size()), 0);
  }
  for (int i = 0; i < count; ++i) {
    ASSERT_EQ(mysql_read_query_result(client.get()), 0);
    MYSQL_RES* result = mysql_store_result(client.get());
    ASSERT_NE(result, nullptr);
    EXPECT_EQ(mysql_fetch_row(result)[0], std::to_string(i));
    mysql_free_result(result);
  }
}

TEST_F(SqlServerTest, ASilentClientIsDroppedAndForgotten) {
  start([](SqlOptions& o) { o.login_timeout_ms = 50; });
  asio::io_context io;
  tcp::socket socket(io);
  socket.connect({asio::ip::address_v4::loopback(), server_->endpoint().port});
  EXPECT_FALSE(until_closed(socket, "").empty()) << "the greeting";
  on_loop([this] { EXPECT_EQ(server_->connections(), 0U); });
}

TEST_F(SqlServerTest, StoppingWithClientsLeavesNothing) {
  start();
  const Client client = connect();
  ASSERT_TRUE(connected_);
  on_loop([this] {
    server_->stop();
    EXPECT_EQ(server_->connections(), 0U);
  });
  EXPECT_NE(mysql_ping(client.get()), 0);
}

TEST(SqlServerListen, SaysWhichAddressIsTaken) {
  asio::io_context io;
  test::FixedSource source(io);
  SqlOptions options;
  options.listen = {"127.0.0.1", 0, {}};
  const auto first = listen_sql(io, options, source);
  ASSERT_TRUE(first);
  options.listen = (*first)->endpoint();
  const auto second = listen_sql(io, options, source);
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error(), "cannot listen on " + options.listen.to_string() + ": Address already in use");
}

}  // namespace
}  // namespace sluice::admin
