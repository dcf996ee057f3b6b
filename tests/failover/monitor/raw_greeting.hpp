// A server's greeting as it is on the wire, to compare with what a driver makes of it.
//
// Flow: `auto greeting = read_greeting(port);`
//
// Source: MySQL internals manual, "Protocol::HandshakeV10"; MariaDB Knowledge Base, "Connection" (extended
// capabilities).
#pragma once

#include <array>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/read.hpp>
#include <cstdint>
#include <string>

namespace sluice::failover::testing {

struct RawGreeting {
  std::string version;
  std::uint64_t capabilities = 0;
};

inline RawGreeting read_greeting(std::uint16_t port) {
  namespace asio = boost::asio;
  asio::io_context io;
  asio::ip::tcp::socket socket(io);
  socket.connect({asio::ip::address_v4::loopback(), port});
  std::array<unsigned char, 4> header{};
  asio::read(socket, asio::buffer(header));
  std::string payload(header[0] + (header[1] << 8U) + (header[2] << 16U), '\0');
  asio::read(socket, asio::buffer(payload));
  const auto number = [&](std::size_t at, std::size_t bytes) {
    std::uint64_t value = 0;
    for (std::size_t i = 0; i < bytes; ++i)
      value |= std::uint64_t{static_cast<unsigned char>(payload.at(at + i))} << (8 * i);
    return value;
  };
  RawGreeting greeting;
  greeting.version = payload.substr(1, payload.find('\0', 1) - 1);
  // After the version: thread id (4), first part of the salt (8), a zero, capabilities (2), charset (1), status (2),
  // capabilities (2), length of the salt (1), reserved (6), extended capabilities or reserved (4).
  const auto after = 1 + greeting.version.size() + 1;
  greeting.capabilities = number(after + 13, 2) | number(after + 18, 2) << 16;
  if ((greeting.capabilities & 1) == 0) greeting.capabilities |= number(after + 27, 4) << 32;
  return greeting;
}

}  // namespace sluice::failover::testing
