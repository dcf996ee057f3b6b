#include "admin/demo/ports.hpp"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/file.h>
#include <sys/socket.h>

#include <string>

#include "admin/demo/error.hpp"
#include "admin/demo/wait.hpp"

namespace sluice::demo {

bool port_is_free(std::uint16_t port) {
  const UniqueFd fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (!fd) throw DemoError("cannot make a socket: too many open files?");
  // Servers bind with this option too; without it a closed connection's TIME_WAIT would count as a user of the port.
  const int on = 1;
  ::setsockopt(fd.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return ::bind(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
}

std::uint16_t free_port_from(std::uint16_t preferred, const std::set<std::uint16_t>& taken) {
  for (unsigned port = preferred; port < preferred + 1000U && port <= UINT16_MAX; ++port) {
    const auto candidate = static_cast<std::uint16_t>(port);
    if (!taken.contains(candidate) && port_is_free(candidate)) return candidate;
  }
  throw DemoError("no free port on 127.0.0.1 from " + std::to_string(preferred) +
                  " on: name another first port, or stop what uses them");
}

PortsLock::PortsLock(std::chrono::milliseconds bound)
    : fd_(::open(fs::temp_directory_path().c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)) {
  if (!fd_) throw DemoError("cannot open " + fs::temp_directory_path().string());
  if (await([&] { return ::flock(fd_.get(), LOCK_EX | LOCK_NB) == 0; }, bound)) return;
  throw DemoError("another demo is being started on this machine: wait for it, or end it");
}

}  // namespace sluice::demo
