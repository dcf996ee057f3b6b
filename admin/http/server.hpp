// The HTTP port: GET /metrics for Prometheus, /healthz (the process answers), /readyz (every cluster has a leader).
// Small and bounded; it has no secrets and changes nothing, so it asks for no password.
//
// Flow: `auto port = listen_http(io, options, source); if (!port) die(port.error());` … `(*port)->stop()`.
#pragma once

#include <boost/asio/io_context.hpp>
#include <cstdint>
#include <memory>
#include <string>

#include "admin/port.hpp"
#include "admin/state.hpp"
#include "protocol/result.hpp"
#include "proxy/io/endpoint.hpp"

namespace sluice::admin {

struct HttpOptions {
  io::Endpoint listen;
  std::size_t connections_max = 64;
  std::uint32_t request_timeout_ms = 10'000;  // from connecting, or the last answer, to the end of the next request
  std::uint32_t write_timeout_ms = 10'000;
};

// `source` must outlive the port.
[[nodiscard]] Result<std::shared_ptr<Port>, std::string> listen_http(boost::asio::io_context& io, HttpOptions options,
                                                                     StateSource& source);

}  // namespace sluice::admin
