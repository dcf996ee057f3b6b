#include "failover/monitor/driver_error.hpp"

#include <errmsg.h>

#include <algorithm>
#include <cerrno>
#include <charconv>

namespace sluice::failover {
namespace {

// Server error numbers (MySQL and MariaDB error references) that the driver's headers don't name.
constexpr unsigned too_many_connections = 1040;
constexpr unsigned access_denied = 1045;
constexpr unsigned server_shutdown = 1053;
constexpr unsigned host_is_blocked = 1129;
constexpr unsigned host_not_privileged = 1130;
constexpr unsigned network_errors_first = 1152;  // aborting connection, network read and write errors
constexpr unsigned network_errors_last = 1161;
constexpr unsigned privilege_missing = 1227;
constexpr unsigned connection_killed = 1927;
constexpr unsigned secure_transport_required = 3159;
constexpr unsigned session_was_killed = 3169;
constexpr unsigned idle_disconnect = 4031;

std::string grants(const ServerKind& kind, std::string_view user) {
  return "GRANT " + std::string(kind.privilege()) + " ON *.* TO '" + std::string(user) + "'@'…'";
}

std::string remedy(const DriverError& error, const ServerKind& kind, std::string_view user) {
  switch (error.code) {
    case access_denied:
      return "check user and password of the monitor; the account needs " +
             (kind.flavour == Flavour::unknown
                  ? "REPLICATION CLIENT (MySQL) or SLAVE MONITOR (MariaDB 10.5 and later) ON *.*"
                  : grants(kind, user));
    case privilege_missing:
      return "the monitor's account lacks a privilege: " + grants(kind, user);
    case host_not_privileged:
      return "the monitor's account '" + std::string(user) + "' may not connect from here: create it for this host";
    case host_is_blocked:
      return "FLUSH HOSTS on the server lets this host in again";
    case too_many_connections:
      return "the server runs, but the monitor cannot get in: raise max_connections";
    default:
      return {};
  }
}

// The driver keeps what connect(2) said only in its text, at the end: "Can't connect to server on '10.0.0.7' (111)".
int errno_in(std::string_view text) {
  const auto bracket = text.rfind('(');
  int number = 0;
  if (bracket != std::string_view::npos) std::from_chars(text.data() + bracket + 1, text.data() + text.size(), number);
  return number;
}

}  // namespace

bool is_connection_lost(const DriverError& error) {
  if (error.timed_out) return false;
  switch (error.code) {
    case CR_SERVER_GONE_ERROR:
    case CR_SERVER_LOST:
    case CR_SERVER_LOST_EXTENDED:
    case server_shutdown:
    case connection_killed:
    case session_was_killed:
    case idle_disconnect:
      return true;
    default:
      return error.code >= network_errors_first && error.code <= network_errors_last;
  }
}

// The driver's own numbers are 2000 to 2999 and from 5000 on.
bool is_refusal(const DriverError& error) {
  if (!error.failed() || error.timed_out || is_connection_lost(error)) return false;
  return (error.code >= 1000 && error.code < 2000) || (error.code >= 3000 && error.code < 5000);
}

bool is_too_late(const DriverError& error) {
  return error.timed_out || (error.code == CR_SSL_CONNECTION_ERROR && errno_in(error.text) == ETIMEDOUT);
}

Probe classify_probe(const DriverError& error) {
  if (is_refusal(error) || error.code == CR_AUTH_PLUGIN_CANNOT_LOAD) return Probe::turned_away;
  const bool not_connected = error.code == CR_CONNECTION_ERROR || error.code == CR_CONN_HOST_ERROR;
  if (!not_connected || error.timed_out) return Probe::silent;
  const int why = errno_in(error.text);
  return why == ECONNREFUSED || why == ENOENT ? Probe::refused : Probe::silent;
}

bool may_require_tls(const DriverError& error) {
  return error.code == secure_transport_required || error.code == access_denied;
}

std::string explain(const DriverError& error, const ServerKind& kind, std::string_view user) {
  std::string text = error.text;
  // A broken peer may send anything as its error text.
  std::replace_if(
      text.begin(), text.end(), [](char c) { return static_cast<unsigned char>(c) < ' ' || c == '\x7f'; }, ' ');
  if (error.code != 0) text += " (" + std::to_string(error.code) + ")";
  const auto help = remedy(error, kind, user);
  return help.empty() ? text : text + ": " + help;
}

}  // namespace sluice::failover
