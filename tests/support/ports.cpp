#include "support/ports.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <stdexcept>
#include <vector>

#include "admin/demo/files.hpp"
#include "admin/demo/ports.hpp"

namespace sluice::test {
namespace {

constexpr unsigned first_port = 23'000;
constexpr unsigned ports = 9'000;

bool hold(std::uint16_t port, std::vector<demo::UniqueFd>& held) {
  demo::UniqueFd fd(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (::bind(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) return false;
  if (!demo::port_is_free(port)) return false;
  held.push_back(std::move(fd));
  return true;
}

}  // namespace

std::uint16_t reserve_port() {
  static std::vector<demo::UniqueFd> held;
  static unsigned next = static_cast<unsigned>(::getpid()) * 16U;
  for (unsigned tries = 0; tries < ports; ++tries) {
    const auto port = static_cast<std::uint16_t>(first_port + next++ % ports);
    if (hold(port, held)) return port;
  }
  throw std::runtime_error("no free port for a test");
}

}  // namespace sluice::test
