// The bytes that the two sides of caching_sha2_password say to each other after the first response.
// Source: MySQL internals manual, "Caching SHA-2 Pluggable Authentication".
#pragma once

#include <cstdint>

namespace sluice::protocol {

constexpr std::uint8_t more_data_byte = 0x01;  // begins every packet of the server's
constexpr std::uint8_t request_public_key = 0x02;
constexpr std::uint8_t fast_auth_success = 0x03;
constexpr std::uint8_t perform_full_authentication = 0x04;

}  // namespace sluice::protocol
