#include "admin/acceptor.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <cstring>
#include <utility>

namespace sluice::admin {
namespace {

namespace asio = boost::asio;
using boost::system::error_code;
using Generic = asio::generic::stream_protocol;

Result<Generic::endpoint, std::string> address_of(const io::Endpoint& endpoint) {
  if (endpoint.is_unix()) {
    constexpr std::size_t path_max = 107;
    if (endpoint.unix_path.size() > path_max) return std::string("the path is longer than 107 bytes");
    return Generic::endpoint(asio::local::stream_protocol::endpoint(endpoint.unix_path));
  }
  error_code error;
  const auto address = asio::ip::make_address(endpoint.host, error);
  if (error) return std::string("not a numeric address");
  return Generic::endpoint(asio::ip::tcp::endpoint(address, endpoint.port));
}

// A socket file that a killed process left behind refuses connections; a live one is not ours to take.
void remove_stale_socket(asio::io_context& io, const io::Endpoint& endpoint) {
  struct stat info{};
  if (::lstat(endpoint.unix_path.c_str(), &info) != 0 || !S_ISSOCK(info.st_mode)) return;
  asio::local::stream_protocol::socket probe(io);
  error_code error;
  (void)probe.connect(asio::local::stream_protocol::endpoint(endpoint.unix_path), error);
  if (error == asio::error::connection_refused) ::unlink(endpoint.unix_path.c_str());
}

std::uint16_t bound_port(const StreamAcceptor& acceptor) {
  error_code error;
  const auto local = acceptor.local_endpoint(error);
  if (error || local.size() > sizeof(sockaddr_in6)) return 0;
  asio::ip::tcp::endpoint tcp;
  tcp.resize(local.size());
  std::memcpy(tcp.data(), local.data(), local.size());
  return tcp.port();
}

}  // namespace

Result<BoundListener, std::string> bind_listener(asio::io_context& io, const io::Endpoint& endpoint) {
  const auto fail = [&](const std::string& why) { return "cannot listen on " + endpoint.to_string() + ": " + why; };
  const auto address = address_of(endpoint);
  if (!address) return fail(address.error());
  if (endpoint.is_unix()) remove_stale_socket(io, endpoint);
  BoundListener bound{StreamAcceptor(io), endpoint};
  error_code error;
  (void)bound.acceptor.open(address->protocol(), error);
  if (!error && !endpoint.is_unix()) (void)bound.acceptor.set_option(asio::socket_base::reuse_address(true), error);
  if (!error) (void)bound.acceptor.bind(*address, error);
  if (!error) (void)bound.acceptor.listen(asio::socket_base::max_listen_connections, error);
  if (error) return fail(error.message());
  if (endpoint.is_unix()) {
    ::chmod(endpoint.unix_path.c_str(), 0600);  // the admin's door: only our own account
  } else {
    bound.endpoint.port = bound_port(bound.acceptor);
  }
  return bound;
}

std::string peer_name(const StreamSocket& socket) {
  error_code error;
  const auto remote = socket.remote_endpoint(error);
  const int family = error ? AF_UNSPEC : remote.protocol().family();
  if (family != AF_INET && family != AF_INET6) return "unix";
  asio::ip::tcp::endpoint tcp;
  tcp.resize(remote.size());
  std::memcpy(tcp.data(), remote.data(), remote.size());
  return tcp.address().to_string();
}

}  // namespace sluice::admin
