#include "protocol/auth_methods.hpp"

#include <openssl/crypto.h>
#include <openssl/evp.h>

#include <algorithm>
#include <cassert>
#include <memory>

#include "protocol/sha256_crypt.hpp"

namespace sluice::protocol {

namespace {

constexpr std::string_view caching_sha2_prefix = "$A$";
constexpr std::size_t rounds_digits = 3;
constexpr std::size_t salt_size = 20;
constexpr std::size_t salt_offset = caching_sha2_prefix.size() + rounds_digits + 1;
constexpr std::size_t stored_size = salt_offset + salt_size + std::tuple_size_v<Sha256CryptDigest>;
constexpr std::uint32_t rounds_unit = 1000;

template <class Digest>
Digest digest_of(const EVP_MD* method, Bytes a, Bytes b) {
  Digest digest{};
  const std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> context(EVP_MD_CTX_new(), EVP_MD_CTX_free);
  const bool done = EVP_DigestInit_ex(context.get(), method, nullptr) == 1 &&
                    EVP_DigestUpdate(context.get(), a.data(), a.size()) == 1 &&
                    EVP_DigestUpdate(context.get(), b.data(), b.size()) == 1 &&
                    EVP_DigestFinal_ex(context.get(), digest.data(), nullptr) == 1;
  assert(done);
  static_cast<void>(done);
  return digest;
}

template <class Digest>
Digest exclusive_or(Bytes a, const Digest& b) {
  assert(a.size() == b.size());
  Digest result{};
  std::transform(a.begin(), a.end(), b.begin(), result.begin(),
                 [](std::uint8_t x, std::uint8_t y) { return static_cast<std::uint8_t>(x ^ y); });
  return result;
}

std::optional<std::uint32_t> read_rounds(std::string_view digits) {
  std::uint32_t value = 0;
  for (const char digit : digits) {
    static constexpr std::string_view hex = "0123456789ABCDEF";
    const std::size_t place = hex.find(digit);
    if (place == std::string_view::npos) return std::nullopt;
    value = value * 16 + static_cast<std::uint32_t>(place);
  }
  if (value == 0) return std::nullopt;
  return value * rounds_unit;
}

}  // namespace

Sha1 sha1(Bytes a, Bytes b) { return digest_of<Sha1>(EVP_sha1(), a, b); }
Sha256 sha256(Bytes a, Bytes b) { return digest_of<Sha256>(EVP_sha256(), a, b); }

bool equal_secret(Bytes a, Bytes b) {
  return a.size() == b.size() && (a.empty() || CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0);
}

Sha1 native_response(const Sha1& stage1, const Nonce& nonce) { return exclusive_or(stage1, sha1(nonce, sha1(stage1))); }

std::optional<Sha1> verify_native(Bytes response, const Nonce& nonce, const Sha1& stored_hash) {
  if (response.size() != stored_hash.size()) return std::nullopt;
  const Sha1 stage1 = exclusive_or(response, sha1(nonce, stored_hash));
  if (!equal_secret(sha1(stage1), stored_hash)) return std::nullopt;
  return stage1;
}

Sha256 caching_sha2_response(const Sha256& stage1, const Nonce& nonce) {
  return exclusive_or(stage1, sha256(sha256(stage1), nonce));
}

std::optional<Sha256> verify_caching_sha2(Bytes response, const Nonce& nonce, const Sha256& fast_digest) {
  if (response.size() != fast_digest.size()) return std::nullopt;
  const Sha256 stage1 = exclusive_or(response, sha256(fast_digest, nonce));
  if (!equal_secret(sha256(stage1), fast_digest)) return std::nullopt;
  return stage1;
}

void xor_with_nonce(MutableBytes bytes, const Nonce& nonce) {
  for (std::size_t i = 0; i < bytes.size(); ++i) bytes[i] ^= nonce[i % nonce.size()];
}

bool is_caching_sha2_hash(std::string_view stored) {
  return stored.size() == stored_size && stored.starts_with(caching_sha2_prefix) && stored[salt_offset - 1] == '$' &&
         read_rounds(stored.substr(caching_sha2_prefix.size(), rounds_digits)).has_value();
}

bool verify_caching_sha2_hash(std::string_view stored, std::string_view password) {
  if (!is_caching_sha2_hash(stored) || password.size() > password_length_max) return false;
  const auto rounds = read_rounds(stored.substr(caching_sha2_prefix.size(), rounds_digits));
  const Sha256CryptDigest digest = sha256_crypt(password, as_bytes(stored.substr(salt_offset, salt_size)), *rounds);
  return equal_secret(as_bytes({digest.data(), digest.size()}), as_bytes(stored.substr(salt_offset + salt_size)));
}

}  // namespace sluice::protocol
