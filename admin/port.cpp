#include "admin/port.hpp"

#include <chrono>

namespace sluice::admin {

using boost::system::error_code;

void PortConnection::close() {
  if (closed_) return;
  closed_ = true;
  error_code ignored;
  (void)socket_.close(ignored);
  timer_.cancel();
  if (const auto port = port_.lock()) port->connections_.erase(shared_from_this());
}

void PortConnection::set_deadline(std::uint32_t ms) {
  timer_.expires_after(std::chrono::milliseconds(ms));
  timer_.async_wait([self = shared_from_this()](error_code error) {
    if (!error) self->close();
  });
}

Port::Port(BoundListener listener, std::size_t connections_max, MakeConnection make)
    : listener_(std::move(listener)),
      connections_max_(connections_max),
      make_(std::move(make)),
      pause_(listener_.acceptor.get_executor()) {}

// NOLINTNEXTLINE(bugprone-exception-escape): cancelling a timer does not throw with epoll
Port::~Port() { stop(); }

Result<std::shared_ptr<Port>, std::string> Port::listen(boost::asio::io_context& io, const io::Endpoint& endpoint,
                                                        std::size_t connections_max, MakeConnection make) {
  auto listener = bind_listener(io, endpoint);
  if (!listener) return listener.error();
  const std::shared_ptr<Port> port(new Port(std::move(*listener), connections_max, std::move(make)));
  port->accept();
  return port;
}

void Port::accept() {
  listener_.acceptor.async_accept([weak = weak_from_this()](error_code error, StreamSocket socket) {
    const auto self = weak.lock();
    if (!self || self->stopped_) return;
    if (error) return self->accept_later();
    self->adopt(std::move(socket));
    self->accept();
  });
}

// Out of descriptors, most likely: trying again at once would spin.
void Port::accept_later() {
  pause_.expires_after(std::chrono::milliseconds(100));
  pause_.async_wait([weak = weak_from_this()](error_code error) {
    const auto self = weak.lock();
    if (!error && self && !self->stopped_) self->accept();
  });
}

void Port::adopt(StreamSocket socket) {
  if (connections_.size() >= connections_max_) return;  // the socket closes
  const auto connection = make_(std::move(socket));
  connection->port_ = weak_from_this();
  connections_.insert(connection);
  connection->start();
}

void Port::stop() {
  if (std::exchange(stopped_, true)) return;
  error_code ignored;
  (void)listener_.acceptor.close(ignored);
  pause_.cancel();
  for (const auto& connection : std::exchange(connections_, {})) connection->close();
}

}  // namespace sluice::admin
