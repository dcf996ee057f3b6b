#include "proxy/io/sockets.hpp"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstring>
#include <optional>

namespace sluice::io {
namespace {

struct SocketAddress {
  sockaddr_storage storage{};
  socklen_t length = 0;

  [[nodiscard]] const sockaddr* get() const { return reinterpret_cast<const sockaddr*>(&storage); }
  [[nodiscard]] int family() const { return storage.ss_family; }
};

template <class T>
SocketAddress stored(const T& address) {
  SocketAddress result;
  static_assert(sizeof(T) <= sizeof(result.storage));
  std::memcpy(&result.storage, &address, sizeof(T));
  result.length = sizeof(T);
  return result;
}

std::optional<SocketAddress> to_address(const Endpoint& endpoint) {
  if (endpoint.is_unix()) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    if (endpoint.unix_path.size() >= sizeof(address.sun_path)) return std::nullopt;
    std::memcpy(address.sun_path, endpoint.unix_path.data(), endpoint.unix_path.size());
    return stored(address);
  }
  sockaddr_in v4{};
  v4.sin_family = AF_INET;
  v4.sin_port = htons(endpoint.port);
  if (inet_pton(AF_INET, endpoint.host.c_str(), &v4.sin_addr) == 1) return stored(v4);
  sockaddr_in6 v6{};
  v6.sin6_family = AF_INET6;
  v6.sin6_port = htons(endpoint.port);
  if (inet_pton(AF_INET6, endpoint.host.c_str(), &v6.sin6_addr) == 1) return stored(v6);
  return std::nullopt;
}

void enable(int fd, int level, int option) {
  const int on = 1;
  // Fails only where the option has no meaning.
  static_cast<void>(setsockopt(fd, level, option, &on, sizeof on));
}

int open_socket(int family) { return ::socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0); }

bool listener_has_ended(int connected) {
  ucred listener{};  // who called listen(2): unix(7), SO_PEERCRED
  socklen_t length = sizeof listener;
  if (::getsockopt(connected, SOL_SOCKET, SO_PEERCRED, &listener, &length) != 0) return false;
  return listener.pid > 0 && ::kill(listener.pid, 0) != 0 && errno == ESRCH;
}

bool hangs_up_within(int fd, int milliseconds) {
  pollfd state{.fd = fd, .events = 0, .revents = 0};
  return ::poll(&state, 1, milliseconds) == 1 && (state.revents & (POLLHUP | POLLERR)) != 0;
}

// A file left by a process that is gone refuses connections. Anything else (answers, is full, isn't ours to ask) stays.
bool is_stale_socket(const Endpoint& endpoint) {
  struct stat info{};
  if (::lstat(endpoint.unix_path.c_str(), &info) != 0 || !S_ISSOCK(info.st_mode)) return false;
  ConnectStart attempt = start_connect(endpoint);
  // The kernel takes a killed process's io_uring apart a moment after its end, and till then the socket still takes
  // connections. When it goes, so does ours.
  constexpr int end_max_ms = 5'000;
  if (attempt.error == 0 && listener_has_ended(attempt.fd) && hangs_up_within(attempt.fd, end_max_ms)) {
    ::close(attempt.fd);
    attempt = start_connect(endpoint);
  }
  if (attempt.fd >= 0) ::close(attempt.fd);
  return attempt.error == ECONNREFUSED;
}

// Closes `fd` and tells which step failed; errno is still that step's.
LoopError failed(int fd, const char* step, const Endpoint& endpoint) {
  const int error = errno;
  if (fd >= 0) ::close(fd);
  return {error, std::string(step) + " " + endpoint.to_string()};
}

}  // namespace

Result<int, LoopError> listen_socket(const Endpoint& endpoint, int backlog, bool reuse_port) {
  const auto address = to_address(endpoint);
  if (!address) return LoopError{EINVAL, "not a numeric address: " + endpoint.to_string()};
  const int fd = open_socket(address->family());
  if (fd < 0) return failed(fd, "open a socket for", endpoint);
  if (!endpoint.is_unix()) {
    enable(fd, SOL_SOCKET, SO_REUSEADDR);
    if (reuse_port) enable(fd, SOL_SOCKET, SO_REUSEPORT);
    tune_stream_socket(fd);  // accepted sockets inherit it
  } else if (is_stale_socket(endpoint)) {
    ::unlink(endpoint.unix_path.c_str());
  }
  if (::bind(fd, address->get(), address->length) != 0) return failed(fd, "bind", endpoint);
  if (endpoint.is_unix() && ::chmod(endpoint.unix_path.c_str(), 0777) != 0) return failed(fd, "chmod", endpoint);
  if (::listen(fd, backlog) != 0) return failed(fd, "listen on", endpoint);
  return fd;
}

std::uint16_t bound_port(int fd) {
  sockaddr_storage address{};
  socklen_t length = sizeof address;
  if (::getsockname(fd, reinterpret_cast<sockaddr*>(&address), &length) != 0) return 0;
  if (address.ss_family == AF_INET) return ntohs(reinterpret_cast<const sockaddr_in*>(&address)->sin_port);
  if (address.ss_family == AF_INET6) return ntohs(reinterpret_cast<const sockaddr_in6*>(&address)->sin6_port);
  return 0;
}

ConnectStart start_connect(const Endpoint& endpoint) {
  const auto address = to_address(endpoint);
  if (!address) return {-1, EINVAL};
  const int fd = open_socket(address->family());
  if (fd < 0) return {-1, errno};
  if (!endpoint.is_unix()) tune_stream_socket(fd);
  // An interrupted connect goes on in the background, like one in progress (connect(2)).
  if (::connect(fd, address->get(), address->length) == 0) return {fd, 0};
  return {fd, errno == EINTR ? EINPROGRESS : errno};
}

bool hung_up(int fd) { return hangs_up_within(fd, 0); }

int connect_result(int fd) {
  int error = 0;
  socklen_t length = sizeof error;
  if (::getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &length) != 0) return errno;
  return error;
}

void tune_stream_socket(int fd) {
  enable(fd, IPPROTO_TCP, TCP_NODELAY);
  enable(fd, SOL_SOCKET, SO_KEEPALIVE);
}

bool set_blocking(int fd, bool blocking) {
  const int flags = ::fcntl(fd, F_GETFL);
  if (flags < 0) return false;
  const int wanted = blocking ? flags & ~O_NONBLOCK : flags | O_NONBLOCK;
  return wanted == flags || ::fcntl(fd, F_SETFL, wanted) == 0;
}

}  // namespace sluice::io
