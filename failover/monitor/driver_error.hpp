// An error of the driver or of a server, and what an operator should know about it.
#pragma once

#include <string>
#include <string_view>

#include "failover/probe_script.hpp"

namespace sluice::failover {

struct DriverError {
  unsigned code = 0;  // the server's or the driver's own number; 0: none
  std::string text;
  bool timed_out = false;

  [[nodiscard]] bool failed() const { return code != 0 || timed_out; }
};

// The connection was cut: nothing is known yet of the server itself, and a second try tells.
[[nodiscard]] bool is_connection_lost(const DriverError& error);
// The server answered and does not want this statement, or this account: what it was sent is over, and the connection,
// if there was one, goes on.
[[nodiscard]] bool is_refusal(const DriverError& error);
// The peer took too long: for our bound, or for the driver's, which its TLS handshake has for itself.
[[nodiscard]] bool is_too_late(const DriverError& error);
// What a probe that ended with this error says of the server; never `none` or `answered`. Refused: what connect(2) says
// of an address where nobody listens, or of a socket that is not there.
[[nodiscard]] Probe classify_probe(const DriverError& error);
// The server may take this account over TLS only: MySQL says so, MariaDB calls it a wrong password.
[[nodiscard]] bool may_require_tls(const DriverError& error);
// The text with its number and, where one is known, the remedy. `user` is the monitor's account.
[[nodiscard]] std::string explain(const DriverError& error, const ServerKind& kind, std::string_view user);

}  // namespace sluice::failover
