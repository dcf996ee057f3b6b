// The HTTP port: GET /metrics for Prometheus, /healthz (the process answers), /readyz (every cluster has a leader).
// Small and bounded; it has no secrets and changes nothing, so it asks for no password.
//
// Flow: `auto server = HttpServer::listen(io, options, source);` … `server->stop()`.
#pragma once

#include <boost/asio/io_context.hpp>
#include <cstdint>
#include <memory>
#include <string>

#include "admin/state.hpp"
#include "protocol/result.hpp"
#include "proxy/io/endpoint.hpp"

namespace sluice::admin {

struct HttpServerOptions {
  io::Endpoint listen;
  std::size_t connections_max = 64;
  std::uint32_t request_timeout_ms = 10'000;  // from connecting, or the last answer, to the end of the next request
  std::uint32_t write_timeout_ms = 10'000;
};

class HttpServer {
 public:
  class Impl;  // server.cpp

  // `source` must outlive the server.
  static Result<std::unique_ptr<HttpServer>, std::string> listen(boost::asio::io_context& io, HttpServerOptions options,
                                                                 StateSource& source);
  ~HttpServer();
  HttpServer(const HttpServer&) = delete;
  HttpServer& operator=(const HttpServer&) = delete;

  [[nodiscard]] const io::Endpoint& endpoint() const;
  [[nodiscard]] std::size_t connections() const;
  void stop();

 private:
  explicit HttpServer(std::shared_ptr<Impl> impl);
  std::shared_ptr<Impl> impl_;
};

}  // namespace sluice::admin
