#include "proxy/tls/random.hpp"

#include <openssl/rand.h>

#include <array>
#include <cstdio>
#include <cstdlib>

namespace sluice::tls {

protocol::Nonce random_nonce() {
  protocol::Nonce nonce{};
  std::size_t filled = 0;
  while (filled < nonce.size()) {
    std::array<unsigned char, 32> drawn{};
    if (RAND_bytes(drawn.data(), static_cast<int>(drawn.size())) != 1) {
      std::fputs("sluice: the system's random generator failed\n", stderr);
      std::abort();
    }
    for (const unsigned char byte : drawn) {
      const auto candidate = static_cast<std::uint8_t>(byte & 0x7fU);
      // Thrown away, not mapped to a neighbour: every allowed value stays equally likely.
      if (candidate == 0 || candidate == '$') continue;
      nonce[filled++] = candidate;
      if (filled == nonce.size()) break;
    }
  }
  return nonce;
}

}  // namespace sluice::tls
