// Free ports on loopback: found by binding, so that a port that somebody uses is never fought over.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <set>

#include "admin/demo/files.hpp"

namespace sluice::demo {

// Nobody listens on that TCP port of 127.0.0.1 (nor on it of every address).
[[nodiscard]] bool port_is_free(std::uint16_t port);

// `preferred` or the first free port after it that is not in `taken`. Throws DemoError after 1,000 tries.
[[nodiscard]] std::uint16_t free_port_from(std::uint16_t preferred, const std::set<std::uint16_t>& taken = {});

// A free port is nobody's until somebody listens on it: who starts a demo keeps this from choosing ports until all of
// them are in use. An flock(2) on the folder of temporary files, which the demos of a machine share.
class PortsLock {
 public:
  // Throws DemoError when another process keeps it for longer than `bound`.
  explicit PortsLock(std::chrono::milliseconds bound);

 private:
  UniqueFd fd_;
};

using PickPort = std::function<std::uint16_t(std::uint16_t preferred)>;

}  // namespace sluice::demo
