#include "admin/http/server.hpp"

#include <boost/asio/steady_timer.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http.hpp>
#include <chrono>
#include <optional>
#include <set>
#include <utility>

#include "admin/acceptor.hpp"
#include "admin/http/metrics.hpp"

namespace sluice::admin {

namespace asio = boost::asio;
namespace http = boost::beast::http;
using boost::system::error_code;

namespace {
class HttpConnection;
}

class HttpServer::Impl : public std::enable_shared_from_this<Impl> {
 public:
  Impl(BoundListener listener, HttpServerOptions options, StateSource& source)
      : options_(std::move(options)),
        source_(&source),
        listener_(std::move(listener)),
        pause_(listener_.acceptor.get_executor()) {}

  void accept();
  void stop();
  void forget(const std::shared_ptr<HttpConnection>& connection) { connections_.erase(connection); }

  [[nodiscard]] const HttpServerOptions& options() const { return options_; }
  [[nodiscard]] StateSource& source() { return *source_; }
  [[nodiscard]] const io::Endpoint& endpoint() const { return listener_.endpoint; }
  [[nodiscard]] std::size_t connections() const { return connections_.size(); }

 private:
  void adopt(StreamSocket socket);

  HttpServerOptions options_;
  StateSource* source_;
  BoundListener listener_;
  asio::steady_timer pause_;
  std::set<std::shared_ptr<HttpConnection>> connections_;
  bool stopped_ = false;
};

namespace {

class HttpConnection : public std::enable_shared_from_this<HttpConnection> {
 public:
  HttpConnection(std::shared_ptr<HttpServer::Impl> server, StreamSocket socket)
      : server_(std::move(server)), socket_(std::move(socket)), timer_(socket_.get_executor()) {}

  void start() { read(); }

  void close() {
    if (closed_) return;
    closed_ = true;
    error_code ignored;
    (void)socket_.close(ignored);
    timer_.cancel();
    server_->forget(shared_from_this());
  }

 private:
  static constexpr std::size_t header_max = 8 * 1024;

  void set_deadline(std::uint32_t ms) {
    timer_.expires_after(std::chrono::milliseconds(ms));
    timer_.async_wait([self = shared_from_this()](error_code error) {
      if (!error) self->close();
    });
  }

  void read() {
    parser_.emplace();
    parser_->header_limit(header_max);
    parser_->body_limit(0U);  // nothing here takes a body
    set_deadline(server_->options().request_timeout_ms);
    http::async_read(socket_, buffer_, *parser_, [self = shared_from_this()](error_code error, std::size_t /*size*/) {
      if (self->closed_) return;
      if (error) return self->close();
      self->serve();
    });
  }

  void serve() {
    const auto& request = parser_->get();
    if (request.method() != http::verb::get && request.method() != http::verb::head) {
      return respond(http::status::method_not_allowed, "GET only\n");
    }
    const auto target = request.target();
    if (target == "/healthz") return respond(http::status::ok, "ok\n");
    if (target != "/metrics" && target != "/readyz") {
      return respond(http::status::not_found, "there are /metrics, /healthz and /readyz\n");
    }
    server_->source().gather([self = shared_from_this(), metrics = target == "/metrics"](const auto& state) {
      if (self->closed_) return;
      if (metrics) return self->respond(http::status::ok, write_metrics(*state));
      const Readiness r = readiness(*state);
      self->respond(r.ready ? http::status::ok : http::status::service_unavailable, r.why + "\n");
    });
  }

  void respond(http::status status, std::string body) {
    const auto& request = parser_->get();
    response_ = http::response<http::string_body>(status, request.version());
    response_.set(http::field::content_type, "text/plain; version=0.0.4; charset=utf-8");
    response_.set(http::field::cache_control, "no-store");
    response_.keep_alive(request.keep_alive());
    response_.body() = std::move(body);
    response_.prepare_payload();
    if (request.method() == http::verb::head) response_.body().clear();
    set_deadline(server_->options().write_timeout_ms);
    http::async_write(socket_, response_, [self = shared_from_this()](error_code error, std::size_t /*size*/) {
      if (self->closed_) return;
      if (error || !self->response_.keep_alive()) return self->close();
      self->read();
    });
  }

  std::shared_ptr<HttpServer::Impl> server_;
  StreamSocket socket_;
  asio::steady_timer timer_;
  boost::beast::flat_buffer buffer_{header_max};
  std::optional<http::request_parser<http::empty_body>> parser_;
  http::response<http::string_body> response_;
  bool closed_ = false;
};

}  // namespace

void HttpServer::Impl::accept() {
  listener_.acceptor.async_accept([self = shared_from_this()](error_code error, StreamSocket socket) {
    if (self->stopped_) return;
    if (!error) {
      self->adopt(std::move(socket));
      return self->accept();
    }
    // Out of descriptors, most likely: trying again at once would spin.
    self->pause_.expires_after(std::chrono::milliseconds(100));
    self->pause_.async_wait([self](error_code cancelled) {
      if (!cancelled && !self->stopped_) self->accept();
    });
  });
}

void HttpServer::Impl::adopt(StreamSocket socket) {
  if (connections_.size() >= options_.connections_max) return;  // the socket closes
  const auto connection = std::make_shared<HttpConnection>(shared_from_this(), std::move(socket));
  connections_.insert(connection);
  connection->start();
}

void HttpServer::Impl::stop() {
  if (stopped_) return;
  stopped_ = true;
  error_code ignored;
  (void)listener_.acceptor.close(ignored);
  pause_.cancel();
  while (!connections_.empty()) (*connections_.begin())->close();
}

HttpServer::HttpServer(std::shared_ptr<Impl> impl) : impl_(std::move(impl)) { impl_->accept(); }
// NOLINTNEXTLINE(bugprone-exception-escape): cancelling a timer does not throw with epoll
HttpServer::~HttpServer() { stop(); }
const io::Endpoint& HttpServer::endpoint() const { return impl_->endpoint(); }
std::size_t HttpServer::connections() const { return impl_->connections(); }
void HttpServer::stop() { impl_->stop(); }

Result<std::unique_ptr<HttpServer>, std::string> HttpServer::listen(asio::io_context& io, HttpServerOptions options,
                                                                    StateSource& source) {
  auto listener = bind_listener(io, options.listen);
  if (!listener) return listener.error();
  auto impl = std::make_shared<Impl>(std::move(*listener), std::move(options), source);
  return std::unique_ptr<HttpServer>(new HttpServer(std::move(impl)));
}

}  // namespace sluice::admin
