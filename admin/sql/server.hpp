// The admin SQL port: listens, and gives each connection a session (session.hpp) whose queries run on the control
// thread over freshly gathered state. Callbacks, no coroutines; connections, packets and every wait are bounded.
//
// Flow: `auto port = listen_sql(io, options, source); if (!port) die(port.error());` … `(*port)->stop()`.
#pragma once

#include <boost/asio/io_context.hpp>
#include <cstdint>
#include <memory>
#include <string>

#include "admin/port.hpp"
#include "admin/sql/engine.hpp"
#include "admin/sql/session.hpp"
#include "admin/state.hpp"
#include "protocol/result.hpp"
#include "proxy/io/endpoint.hpp"

namespace sluice::admin {

struct SqlOptions {
  io::Endpoint listen;
  SqlAccount account;
  std::size_t connections_max = 64;
  std::uint32_t login_timeout_ms = 10'000;
  std::uint32_t idle_timeout_ms = 28'800'000;
  std::uint32_t write_timeout_ms = 30'000;
  EngineLimits engine;
};

// `source` must outlive the port.
[[nodiscard]] Result<std::shared_ptr<Port>, std::string> listen_sql(boost::asio::io_context& io, SqlOptions options,
                                                                    StateSource& source);

}  // namespace sluice::admin
