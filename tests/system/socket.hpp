// A bare TCP connection, for peers that are no proper clients. Everything blocks until something comes, or nothing goes
// on any more.
#pragma once

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <string>
#include <string_view>

#include "admin/demo/files.hpp"
#include "support/time.hpp"

namespace sluice::test {

class Socket {
 public:
  explicit Socket(std::uint16_t port) : fd_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    const timeval bound{.tv_sec = hang_limit.count(), .tv_usec = 0};
    ::setsockopt(fd_.get(), SOL_SOCKET, SO_RCVTIMEO, &bound, sizeof bound);
    ::setsockopt(fd_.get(), SOL_SOCKET, SO_SNDTIMEO, &bound, sizeof bound);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    EXPECT_EQ(::connect(fd_.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
  }

  // False when the other side has closed.
  bool send(std::string_view bytes) {
    while (!bytes.empty()) {
      const ssize_t sent = ::send(fd_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (sent < 0 && errno == EINTR) continue;
      if (sent <= 0) return false;
      bytes.remove_prefix(static_cast<std::size_t>(sent));
    }
    return true;
  }

  // One packet, header and payload; "" when the connection ended.
  std::string read_packet() {
    std::string packet = read_exactly(4);
    if (packet.size() < 4) return {};
    const auto byte = [&](std::size_t i) { return static_cast<std::size_t>(static_cast<unsigned char>(packet[i])); };
    return packet + read_exactly(byte(0) | byte(1) << 8U | byte(2) << 16U);
  }

  // Whether the connection ends, whatever is still said on it.
  bool ended() {
    if (!fd_) return true;  // by ourselves
    char chunk[4096];
    for (;;) {
      const ssize_t got = ::recv(fd_.get(), chunk, sizeof chunk, 0);
      if (got == 0) return true;
      if (got < 0 && errno != EINTR) return errno == ECONNRESET;  // a stop and SIGCONT interrupt what has a timeout
    }
  }

  // Closes with a reset instead of an end.
  void reset() {
    const linger at_once{.l_onoff = 1, .l_linger = 0};
    ::setsockopt(fd_.get(), SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
    fd_.reset();
  }
  void close() { fd_.reset(); }

 private:
  std::string read_exactly(std::size_t size) {
    std::string bytes(size, '\0');
    std::size_t have = 0;
    while (have < size) {
      const ssize_t got = ::recv(fd_.get(), bytes.data() + have, size - have, 0);
      if (got < 0 && errno == EINTR) continue;
      if (got <= 0) break;
      have += static_cast<std::size_t>(got);
    }
    bytes.resize(have);
    return bytes;
  }

  demo::UniqueFd fd_;
};

}  // namespace sluice::test
