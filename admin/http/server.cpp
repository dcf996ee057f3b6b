#include "admin/http/server.hpp"

#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http.hpp>
#include <optional>
#include <utility>

#include "admin/http/metrics.hpp"

namespace sluice::admin {

namespace asio = boost::asio;
namespace http = boost::beast::http;
using boost::system::error_code;

namespace {

class HttpConnection : public PortConnection {
 public:
  HttpConnection(std::shared_ptr<const HttpOptions> options, StateSource& source, StreamSocket socket)
      : PortConnection(std::move(socket)), options_(std::move(options)), source_(source) {}

  void start() override { read(); }

 private:
  static constexpr std::size_t header_max = 8 * 1024;

  std::shared_ptr<HttpConnection> self() { return std::static_pointer_cast<HttpConnection>(shared_from_this()); }

  void read() {
    parser_.emplace();
    parser_->header_limit(header_max);
    parser_->body_limit(0U);  // nothing here takes a body
    set_deadline(options_->request_timeout_ms);
    http::async_read(socket(), buffer_, *parser_, [self = self()](error_code error, std::size_t /*size*/) {
      if (self->closed()) return;
      if (error) return self->close();
      self->serve();
    });
  }

  void serve() {
    const auto& request = parser_->get();
    if (request.method() != http::verb::get && request.method() != http::verb::head) {
      return respond(http::status::method_not_allowed, "GET only\n");
    }
    const auto target = request.target().substr(0, request.target().find('?'));  // scrapers may send parameters
    if (target == "/healthz") return respond(http::status::ok, "ok\n");
    if (target != "/metrics" && target != "/readyz") {
      return respond(http::status::not_found, "there are /metrics, /healthz and /readyz\n");
    }
    source_.gather([self = self(), metrics = target == "/metrics"](const auto& state) {
      if (self->closed()) return;
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
    set_deadline(options_->write_timeout_ms);
    http::async_write(socket(), response_, [self = self()](error_code error, std::size_t /*size*/) {
      if (self->closed()) return;
      if (error || !self->response_.keep_alive()) return self->close();
      self->read();
    });
  }

  std::shared_ptr<const HttpOptions> options_;
  StateSource& source_;
  boost::beast::flat_buffer buffer_{header_max};
  std::optional<http::request_parser<http::empty_body>> parser_;
  http::response<http::string_body> response_;
};

}  // namespace

Result<std::shared_ptr<Port>, std::string> listen_http(asio::io_context& io, HttpOptions options, StateSource& source) {
  const auto shared = std::make_shared<const HttpOptions>(std::move(options));
  return Port::listen(io, shared->listen, shared->connections_max, [shared, &source](StreamSocket socket) {
    return std::make_shared<HttpConnection>(shared, source, std::move(socket));
  });
}

}  // namespace sluice::admin
