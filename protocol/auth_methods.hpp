// The formulas of the authentication methods. Digests come from OpenSSL; comparisons take constant time.
// Source: MySQL internals manual, "Secure Password Authentication", "Caching SHA-2 Pluggable Authentication" (worklog
// 9591); U. Drepper, "Unix crypt using SHA-256 and SHA-512", for the stored digest.
//
//   native:  stage1 = SHA1(password), stored hash = SHA1(stage1)
//            response = stage1 XOR SHA1(nonce . stored hash)
//   sha2:    stage1 = SHA256(password), fast digest = SHA256(stage1)
//            response = stage1 XOR SHA256(fast digest . nonce)
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

#include "protocol/bytes.hpp"
#include "protocol/handshake.hpp"

namespace sluice::protocol {

using Sha1 = std::array<std::uint8_t, 20>;
using Sha256 = std::array<std::uint8_t, 32>;

// Longer passwords are refused: MySQL's own limit, and the crypt digest costs the square of the length.
constexpr std::size_t password_length_max = 256;

// Digest of `a` followed by `b`.
[[nodiscard]] Sha1 sha1(Bytes a, Bytes b = {});
[[nodiscard]] Sha256 sha256(Bytes a, Bytes b = {});

// Compares in time that depends on the lengths alone.
[[nodiscard]] bool equal_secret(Bytes a, Bytes b);

[[nodiscard]] Sha1 native_response(const Sha1& stage1, const Nonce& nonce);
// The client's stage1 if its response proves that it knows the password of `stored_hash`.
[[nodiscard]] std::optional<Sha1> verify_native(Bytes response, const Nonce& nonce, const Sha1& stored_hash);

[[nodiscard]] Sha256 caching_sha2_response(const Sha256& stage1, const Nonce& nonce);
// The client's stage1 (SHA256 of its password) if its response fits the fast digest.
[[nodiscard]] std::optional<Sha256> verify_caching_sha2(Bytes response, const Nonce& nonce, const Sha256& fast_digest);

// XORs the bytes in place with the nonce, again and again: what hides a password inside the RSA exchange.
void xor_with_nonce(MutableBytes bytes, const Nonce& nonce);

// "$A$<rounds/1000 in three hex digits>$<20 bytes of salt><43 characters of digest>", as mysql.user keeps it.
[[nodiscard]] bool is_caching_sha2_hash(std::string_view stored);
// Costs `rounds` times two digests or so: milliseconds, by the operator's choice of rounds.
[[nodiscard]] bool verify_caching_sha2_hash(std::string_view stored, std::string_view password);

}  // namespace sluice::protocol
