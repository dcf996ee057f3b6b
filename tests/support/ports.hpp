// Ports for tests that run side by side: each is held by this process until it ends.
//
// The hold is a UDP socket on the same number: it excludes other test processes, leaves the TCP port free for the
// server under test, and the kernel gives it back however the process ends.
#pragma once

#include <cstdint>

namespace sluice::test {

// A TCP port of 127.0.0.1 that nobody listens on and no other test is given; below the ephemeral range, so that no
// outgoing connection takes it either.
[[nodiscard]] std::uint16_t reserve_port();

}  // namespace sluice::test
