// The few socket calls that both loops make themselves: opening a listening socket, starting a connection, options.
#pragma once

#include "proxy/io/endpoint.hpp"
#include "proxy/io/loop.hpp"

namespace sluice::io {

// A listening, non-blocking, close-on-exec socket. TCP: with SO_REUSEADDR, and SO_REUSEPORT if asked for, so that each
// worker has a socket of its own. Unix: a socket file that nobody answers on is replaced, one in use is EADDRINUSE
// (after up to 5 s, if the process that listened has ended but its socket has not); any user of the machine may
// connect; whoever listens removes the file in the end.
[[nodiscard]] Result<int, LoopError> listen_socket(const Endpoint& endpoint, int backlog, bool reuse_port);

// What port a TCP socket was bound to (port 0 asks for any); 0 if it can't be told.
[[nodiscard]] std::uint16_t bound_port(int fd);

struct ConnectStart {
  int fd = -1;    // -1 if not even a socket was made
  int error = 0;  // 0: connected; EINPROGRESS: becomes writable when it is; else failed
};
// The endpoint must be numeric or a unix path, else EINVAL.
[[nodiscard]] ConnectStart start_connect(const Endpoint& endpoint);
// How a connection in progress ended: 0 or an errno.
[[nodiscard]] int connect_result(int fd);
// The peer has closed, not only shut its side. Of a TCP connection only a reset tells it.
[[nodiscard]] bool hung_up(int fd);

// No delay, and keepalive probes; does nothing to unix sockets.
void tune_stream_socket(int fd);
// Returns false if the descriptor is none.
bool set_blocking(int fd, bool blocking);

}  // namespace sluice::io
