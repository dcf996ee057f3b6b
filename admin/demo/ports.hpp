// Free ports on loopback: found by binding, so that a port that somebody uses is never fought over.
#pragma once

#include <cstdint>
#include <functional>
#include <set>

namespace sluice::demo {

// Nobody listens on that TCP port of 127.0.0.1 (nor on it of every address).
[[nodiscard]] bool port_is_free(std::uint16_t port);

// `preferred` or the first free port after it that is not in `taken`. Throws DemoError after 1,000 tries.
[[nodiscard]] std::uint16_t free_port_from(std::uint16_t preferred, const std::set<std::uint16_t>& taken = {});

using PickPort = std::function<std::uint16_t(std::uint16_t preferred)>;

}  // namespace sluice::demo
