// What the ports of the control thread do alike: accept at one address, keep at most so many connections, close one
// that misses its deadline, and close all of them in the end. Callbacks, no coroutines.
//
// Flow: a protocol is a class derived from PortConnection; `auto port = Port::listen(io, endpoint, 64, make)`, where
// `make` wraps an accepted socket in it and `start()` is called next … `port->stop()`, or let go of it.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <set>
#include <string>
#include <utility>

#include "admin/acceptor.hpp"
#include "protocol/result.hpp"
#include "proxy/io/endpoint.hpp"

namespace sluice::admin {

class Port;

// One client. Owned by its port and by its pending operations; `close` ends all of them, and what a derived class
// does when one completes begins with a look at `closed()`.
class PortConnection : public std::enable_shared_from_this<PortConnection> {
 public:
  virtual ~PortConnection() = default;
  PortConnection(const PortConnection&) = delete;
  PortConnection& operator=(const PortConnection&) = delete;
  virtual void start() = 0;
  void close();

 protected:
  explicit PortConnection(StreamSocket socket) : socket_(std::move(socket)), timer_(socket_.get_executor()) {}
  void set_deadline(std::uint32_t ms);  // instead of the one before: the connection closes then
  [[nodiscard]] bool closed() const { return closed_; }
  [[nodiscard]] StreamSocket& socket() { return socket_; }

 private:
  friend class Port;
  std::weak_ptr<Port> port_;
  StreamSocket socket_;
  boost::asio::steady_timer timer_;
  bool closed_ = false;
};

class Port : public std::enable_shared_from_this<Port> {
 public:
  using MakeConnection = std::function<std::shared_ptr<PortConnection>(StreamSocket)>;

  // The error names the address and the reason.
  static Result<std::shared_ptr<Port>, std::string> listen(boost::asio::io_context& io, const io::Endpoint& endpoint,
                                                           std::size_t connections_max, MakeConnection make);
  ~Port();
  Port(const Port&) = delete;
  Port& operator=(const Port&) = delete;

  [[nodiscard]] const io::Endpoint& endpoint() const { return listener_.endpoint; }  // port 0 resolved
  [[nodiscard]] std::size_t connections() const { return connections_.size(); }
  void stop();  // closes everything; callbacks that are still on their way do nothing

 private:
  friend class PortConnection;
  Port(BoundListener listener, std::size_t connections_max, MakeConnection make);
  void accept();
  void accept_later();
  void adopt(StreamSocket socket);

  BoundListener listener_;
  std::size_t connections_max_;
  MakeConnection make_;
  boost::asio::steady_timer pause_;
  std::set<std::shared_ptr<PortConnection>> connections_;
  bool stopped_ = false;
};

}  // namespace sluice::admin
