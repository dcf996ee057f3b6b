// The HTTP port over real sockets, and the metrics page.
#include <gtest/gtest.h>

#include <array>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/write.hpp>
#include <future>
#include <memory>
#include <string>
#include <thread>

#include "admin/http/metrics.hpp"
#include "admin/http/server.hpp"
#include "admin/sql/test_state.hpp"
#include "support/time.hpp"

namespace sluice::admin {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;

TEST(Metrics, ArePrometheusText) {
  AdminState state = test::fixed_state();
  state.report.pools.push_back({.worker = 1,
                                .cluster = "main",
                                .server = "127.0.0.1:1",
                                .user = "app",
                                .connecting = 0,
                                .idle = 2,
                                .busy = 0,
                                .kept = 4,
                                .waiting = 5,
                                .limit = 100,
                                .statements = 1});
  const std::string page = write_metrics(state);
  for (const char* line :
       {"# TYPE sluice_clients_accepted_total counter\nsluice_clients_accepted_total 11\n",
        "sluice_cluster_has_leader{cluster=\"main\"} 1\nsluice_cluster_has_leader{cluster=\"spare\"} 0\n",
        "sluice_gate_closed{cluster=\"main\"} 1\nsluice_gate_closed{cluster=\"spare\"} 0\n",
        "sluice_statements_waiting{cluster=\"main\"} 5\n",
        "# TYPE sluice_hold_longest_milliseconds gauge\nsluice_hold_longest_milliseconds 41\n",
        "sluice_server_healthy{cluster=\"main\",server=\"127.0.0.1:3\"} 0\n",
        "sluice_server_leader{cluster=\"main\",server=\"127.0.0.1:1\"} 1\n",
        "sluice_server_lag_milliseconds{cluster=\"main\",server=\"127.0.0.1:2\"} 7\n",
        "sluice_pool_connections{cluster=\"main\",server=\"127.0.0.1:1\",user=\"app\",state=\"idle\"} 5\n",
        "sluice_pool_connections{cluster=\"main\",server=\"127.0.0.1:1\",user=\"app\",state=\"kept\"} 6\n",
        "sluice_pool_waiting{cluster=\"main\",server=\"127.0.0.1:1\",user=\"app\"} 5\n"}) {
    EXPECT_NE(page.find(line), std::string::npos) << line << "\n" << page;
  }
}

TEST(Metrics, LabelsAreEscaped) {
  AdminState state;
  state.clusters.emplace_back().cluster = "a\"b\\c\nd";
  EXPECT_NE(write_metrics(state).find("{cluster=\"a\\\"b\\\\c d\"}"), std::string::npos);
}

TEST(Readiness, NeedsALeaderEverywhere) {
  AdminState state = test::fixed_state();
  EXPECT_EQ(readiness(state).why, "cluster spare has no leader: no server answers");
  state.clusters.pop_back();
  EXPECT_TRUE(readiness(state).ready);
  state.process.state = "draining";
  EXPECT_FALSE(readiness(state).ready);
}

class HttpTest : public testing::Test {
 protected:
  void start(std::uint32_t request_timeout_ms = sluice::test::never_ms) {
    HttpOptions options;
    options.listen = {"127.0.0.1", 0, {}};
    options.request_timeout_ms = request_timeout_ms;
    options.write_timeout_ms = sluice::test::never_ms;
    auto server = listen_http(io_, options, source_);
    ASSERT_TRUE(server) << server.error();
    server_ = *server;
    thread_ = std::thread([this] { io_.run(); });
  }
  void TearDown() override {
    if (!thread_.joinable()) return;
    std::promise<void> stopped;
    asio::post(io_, [&] {
      server_->stop();
      stopped.set_value();
    });
    stopped.get_future().wait();
    work_.reset();
    thread_.join();
  }
  // What comes back until the server closes.
  std::string ask(const std::string& bytes) {
    asio::io_context io;
    tcp::socket socket(io);
    socket.connect({asio::ip::address_v4::loopback(), server_->endpoint().port});
    boost::system::error_code error;
    asio::write(socket, asio::buffer(bytes), error);
    std::string out;
    std::array<char, 4096> chunk{};
    while (!error) out.append(chunk.data(), socket.read_some(asio::buffer(chunk), error));
    return out;
  }
  std::string get(const std::string& target, const std::string& method = "GET") {
    return ask(method + " " + target + " HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
  }

  asio::io_context io_;
  asio::executor_work_guard<asio::io_context::executor_type> work_{io_.get_executor()};
  test::FixedSource source_{io_};
  std::shared_ptr<Port> server_;
  std::thread thread_;
};

TEST_F(HttpTest, ServesItsThreePages) {
  start();
  EXPECT_TRUE(get("/healthz").ends_with("\r\n\r\nok\n"));
  EXPECT_NE(get("/metrics").find("sluice_clients 2\n"), std::string::npos);
  EXPECT_NE(get("/metrics?target=x").find("sluice_clients 2\n"), std::string::npos);
  EXPECT_TRUE(get("/readyz").starts_with("HTTP/1.1 503 ")) << "cluster spare has no leader";
  EXPECT_TRUE(get("/").starts_with("HTTP/1.1 404 "));
  EXPECT_TRUE(get("/metrics", "DELETE").starts_with("HTTP/1.1 405 "));
  EXPECT_TRUE(get("/healthz", "HEAD").ends_with("\r\n\r\n"));
}

TEST_F(HttpTest, PipelinedRequestsAreAnsweredInOrder) {
  start();
  const std::string both =
      ask("GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"
          "GET /nothing HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
  EXPECT_TRUE(both.starts_with("HTTP/1.1 200 "));
  EXPECT_NE(both.find("HTTP/1.1 404 "), std::string::npos);
}

TEST_F(HttpTest, HostileBytesEndTheirConnectionOnly) {
  start();
  ask(std::string(100'000, 'x'));
  ask("GET / HTTP/1.1\r\nX: " + std::string(20'000, 'y'));
  ask("POST /metrics HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\n");
  EXPECT_TRUE(get("/healthz").ends_with("ok\n"));
}

TEST_F(HttpTest, WhoSaysHalfARequestIsDroppedInTime) {
  start(100);
  ask("\x16\x03\x01\x02");
  ask("");
  // A whole one that takes longer is dropped like them, and asked again.
  EXPECT_TRUE(sluice::test::await([&] { return get("/healthz").ends_with("ok\n"); }));
}

std::string times(int n, std::string_view text) {
  std::string out;
  while (n-- > 0) out += text;
  return out;
}

// What a request may hold without an end, one kind each: none is answered, and none is kept.
TEST_F(HttpTest, EveryPartOfARequestIsBounded) {
  start();
  const std::string line = "GET /healthz HTTP/1.1\r\n";
  const std::string chunked = line + "Host: x\r\nTransfer-Encoding: chunked\r\n\r\n";
  for (const std::string& request :
       {times(100'000, "G"), "GET /" + times(100'000, "a/") + " HTTP/1.1\r\n\r\n", line + times(100'000, "A: b\r\n"),
        line + "A: b\r\n" + times(100'000, " b\r\n"), line + times(100'000, "A"),
        line + "Host: x\r\nConnection: " + times(100'000, "close,") + "\r\n\r\n",
        line + "Host: x\r\nContent-Length: " + times(100, "9") + "\r\n\r\n", chunked + "1" + times(100'000, ";a=b"),
        chunked + times(100'000, "0"), chunked + times(100'000, "1\r\na\r\n"),
        chunked + "0\r\n" + times(100'000, "A: b\r\n")}) {
    EXPECT_EQ(ask(request), "") << request.substr(0, 80);
  }
  EXPECT_TRUE(get("/healthz").ends_with("ok\n"));
}

TEST_F(HttpTest, AThousandPipelinedRequestsAreAnswered) {
  start();
  const std::string all =
      ask(times(999, "GET /healthz HTTP/1.1\r\n\r\n") + "GET /healthz HTTP/1.1\r\nConnection: close\r\n\r\n");
  std::size_t answers = 0;
  for (std::size_t at = all.find("\r\n\r\nok\n"); at != std::string::npos; at = all.find("\r\n\r\nok\n", at + 1))
    ++answers;
  EXPECT_EQ(answers, 1000U);
}

}  // namespace
}  // namespace sluice::admin
