// A listening socket of the control thread, TCP or unix, behind one type: the admin's doors.
//
// Flow: `auto bound = bind_listener(io, endpoint); if (!bound) …; bound->acceptor.async_accept(…)`.
#pragma once

#include <boost/asio/basic_socket_acceptor.hpp>
#include <boost/asio/generic/stream_protocol.hpp>
#include <boost/asio/io_context.hpp>
#include <string>

#include "protocol/result.hpp"
#include "proxy/io/endpoint.hpp"

namespace sluice::admin {

using StreamSocket = boost::asio::generic::stream_protocol::socket;
using StreamAcceptor = boost::asio::basic_socket_acceptor<boost::asio::generic::stream_protocol>;

struct BoundListener {
  StreamAcceptor acceptor;
  io::Endpoint endpoint;  // port 0 resolved
};

// "cannot listen on 127.0.0.1:6032: address already in use". A unix socket that nobody serves is replaced.
[[nodiscard]] Result<BoundListener, std::string> bind_listener(boost::asio::io_context& io,
                                                               const io::Endpoint& endpoint);

// The numeric address of the other end, or "unix".
[[nodiscard]] std::string peer_name(const StreamSocket& socket);

}  // namespace sluice::admin
