// The digest part of crypt(3)'s SHA-256 scheme, with salts of any length: crypt(3) cuts them at 16 bytes, MySQL's
// caching_sha2_password uses 20.
// Source: U. Drepper, "Unix crypt using SHA-256 and SHA-512", whose step numbers the implementation cites.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

#include "protocol/bytes.hpp"

namespace sluice::protocol {

using Sha256CryptDigest = std::array<char, 43>;

// `password` is bounded by the caller: the cost grows with the square of its length.
[[nodiscard]] Sha256CryptDigest sha256_crypt(std::string_view password, Bytes salt, std::uint32_t rounds);

}  // namespace sluice::protocol
