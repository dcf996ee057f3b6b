// A server with a fault in it: passes packets between its clients and a real server, and cuts the first connection
// when the nth packet of one direction is about to pass. Later connections pass whole.
//
// Flow: `CuttingRelay relay(real_port); relay.cut(Direction::to_server, 3);` and connect to `relay.port()`.
#pragma once

#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <list>
#include <thread>

#include "protocol/packet.hpp"
#include "proxy/io/sockets.hpp"
#include "support/relay_loop.hpp"
#include "support/time.hpp"

namespace sluice::proxy {

enum class Direction { to_server, to_client };

class CuttingRelay {
 public:
  explicit CuttingRelay(std::uint16_t server) : server_(server), wake_(::eventfd(0, EFD_CLOEXEC)) {
    auto opened = io::listen_socket({.host = "127.0.0.1", .port = 0, .unix_path = {}}, 16, false);
    listener_ = opened ? *opened : -1;
    port_ = io::bound_port(listener_);
    io::set_blocking(listener_, true);
    thread_ = std::thread([this] { run(); });
  }
  ~CuttingRelay() {
    const std::uint64_t one = 1;
    [[maybe_unused]] const auto written = ::write(wake_, &one, sizeof one);
    thread_.join();
    for (auto& link : links_) test::close_link(link);
    ::close(listener_);
    ::close(wake_);
  }
  CuttingRelay(const CuttingRelay&) = delete;
  CuttingRelay& operator=(const CuttingRelay&) = delete;

  // Before the first connection. `nth` counts from 0.
  void cut(Direction direction, std::size_t nth) {
    direction_ = direction;
    nth_ = nth;
    armed_ = true;
  }
  [[nodiscard]] std::uint16_t port() const { return port_; }
  [[nodiscard]] bool has_cut() const { return cut_; }

 private:
  struct Stream {  // one direction of a connection: knows where packets begin
    std::size_t packets = 0;
    std::size_t left = 0;  // bytes of the packet that is passing
    protocol::ByteBuffer header;
  };
  struct Link {
    int client = -1;
    int server = -1;
    bool first = false;
    std::array<Stream, 2> streams;
  };

  void run() {
    test::relay_until_woken(
        wake_, listener_, links_,
        [this](Link& link, bool up) { return pass(link, up ? Direction::to_server : Direction::to_client); },
        [this] { accept_one(); });
  }

  void accept_one() {
    Link link;
    link.client = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
    link.server = io::start_connect({.host = "127.0.0.1", .port = server_, .unix_path = {}}).fd;
    pollfd connected{.fd = link.server, .events = POLLOUT, .revents = 0};
    ::poll(&connected, 1, test::hang_limit_ms);
    io::set_blocking(link.server, true);
    link.first = armed_.exchange(false);
    links_.push_back(std::move(link));
  }

  // False: the link is over.
  bool pass(Link& link, Direction direction) {
    const bool up = direction == Direction::to_server;
    std::array<std::uint8_t, 4096> bytes{};
    const ssize_t n = ::recv(up ? link.client : link.server, bytes.data(), bytes.size(), 0);
    if (n <= 0) return n < 0 && errno == EINTR;
    const protocol::Bytes got(bytes.data(), static_cast<std::size_t>(n));
    const std::size_t whole =
        link.first && direction == direction_ ? allowed(link.streams[up ? 0 : 1], got) : got.size();
    const protocol::Bytes out = got.first(whole);
    ::send(up ? link.server : link.client, out.data(), out.size(), MSG_NOSIGNAL);
    if (whole == got.size()) return true;
    cut_ = true;
    return false;
  }

  // How many of these bytes come before the packet that must not pass.
  [[nodiscard]] std::size_t allowed(Stream& stream, protocol::Bytes bytes) const {
    for (std::size_t i = 0; i < bytes.size(); ++i) {
      if (stream.left == 0 && stream.header.empty() && stream.packets == nth_) return i;
      if (stream.left > 0) {
        --stream.left;
        continue;
      }
      stream.header.push_back(bytes[i]);
      if (stream.header.size() < protocol::packet_header_size) continue;
      stream.left = protocol::read_packet_header(stream.header).length;
      stream.header.clear();
      ++stream.packets;
    }
    return bytes.size();
  }

  std::uint16_t server_;
  std::uint16_t port_ = 0;
  int listener_ = -1;
  int wake_;
  Direction direction_ = Direction::to_server;
  std::size_t nth_ = 0;
  std::atomic<bool> armed_{false};
  std::atomic<bool> cut_{false};
  std::list<Link> links_;
  std::thread thread_;
};

}  // namespace sluice::proxy
