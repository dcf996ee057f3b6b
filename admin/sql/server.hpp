// The admin SQL port: listens, and gives each connection a session (session.hpp) whose queries run on the control
// thread over freshly gathered state. Callbacks, no coroutines; connections, packets and every wait are bounded.
//
// Flow: `auto server = SqlServer::listen(io, options, source); if (!server) die(server.error());` … `server->stop()`.
#pragma once

#include <boost/asio/io_context.hpp>
#include <cstdint>
#include <memory>
#include <string>

#include "admin/sql/engine.hpp"
#include "admin/sql/session.hpp"
#include "admin/state.hpp"
#include "protocol/result.hpp"
#include "proxy/io/endpoint.hpp"

namespace sluice::admin {

struct SqlServerOptions {
  io::Endpoint listen;
  SqlAccount account;
  std::size_t connections_max = 64;
  std::uint32_t login_timeout_ms = 10'000;
  std::uint32_t idle_timeout_ms = 28'800'000;
  std::uint32_t write_timeout_ms = 30'000;
  EngineLimits engine;
};

class SqlServer {
 public:
  class Impl;  // server.cpp
  // `source` must outlive the server. The error names the address and the reason.
  static Result<std::unique_ptr<SqlServer>, std::string> listen(boost::asio::io_context& io, SqlServerOptions options,
                                                                StateSource& source);
  ~SqlServer();
  SqlServer(const SqlServer&) = delete;
  SqlServer& operator=(const SqlServer&) = delete;

  [[nodiscard]] const io::Endpoint& endpoint() const;  // port 0 resolved
  [[nodiscard]] std::size_t connections() const;
  void stop();  // closes everything; callbacks that are still on their way do nothing

 private:
  explicit SqlServer(std::shared_ptr<Impl> impl);
  std::shared_ptr<Impl> impl_;
};

}  // namespace sluice::admin
