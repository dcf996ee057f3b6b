#include "protocol/sha256_crypt.hpp"

#include <openssl/crypto.h>
#include <openssl/evp.h>

#include <algorithm>
#include <cassert>
#include <cstddef>
#include <memory>

namespace sluice::protocol {

namespace {

constexpr std::size_t digest_size = 32;
using Digest = std::array<std::uint8_t, digest_size>;

class Hasher {
 public:
  Hasher() : context_(EVP_MD_CTX_new(), EVP_MD_CTX_free) { restart(); }

  Hasher& add(Bytes bytes) {
    const int done = EVP_DigestUpdate(context_.get(), bytes.data(), bytes.size());
    assert(done == 1);
    static_cast<void>(done);
    return *this;
  }
  // `block` repeated until `length` bytes are added.
  Hasher& add_cycled(const Digest& block, std::size_t length) {
    for (; length > 0; length -= std::min(length, digest_size)) add(Bytes(block).first(std::min(length, digest_size)));
    return *this;
  }
  Digest finish() {
    Digest digest{};
    const int done = EVP_DigestFinal_ex(context_.get(), digest.data(), nullptr);
    assert(done == 1);
    static_cast<void>(done);
    restart();
    return digest;
  }

 private:
  void restart() {
    const int done = EVP_DigestInit_ex(context_.get(), EVP_sha256(), nullptr);
    assert(done == 1);
    static_cast<void>(done);
  }
  std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> context_;
};

// A sequence of `length` bytes made of a digest over and over (steps 16 and 20).
ByteBuffer cycled(const Digest& digest, std::size_t length) {
  ByteBuffer bytes(length);
  for (std::size_t i = 0; i < length; ++i) bytes[i] = digest[i % digest_size];
  return bytes;
}

// Steps 1 to 12: the digest that the rounds start from.
Digest first_digest(Hasher& hasher, Bytes password, Bytes salt) {
  const Digest b = hasher.add(password).add(salt).add(password).finish();
  hasher.add(password).add(salt).add_cycled(b, password.size());
  for (std::size_t bits = password.size(); bits > 0; bits >>= 1) {
    if ((bits & 1) != 0) {
      hasher.add(b);
    } else {
      hasher.add(password);
    }
  }
  return hasher.finish();
}

// Step 22: base 64 of crypt's own alphabet and byte order.
Sha256CryptDigest encode(const Digest& digest) {
  static constexpr std::string_view alphabet = "./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
  Sha256CryptDigest text{};
  std::size_t at = 0;
  const auto put = [&](std::uint32_t bits, std::size_t characters) {
    for (; characters > 0; --characters, bits >>= 6) text[at++] = alphabet[bits & 0x3f];
  };
  // Each group takes its bytes ten apart, and starts one place further round than the group before.
  std::array<std::size_t, 3> from{0, 10, 20};
  for (std::size_t group = 0; group < 10; ++group) {
    const std::uint32_t high = digest[from[0]];
    const std::uint32_t middle = digest[from[1]];
    const std::uint32_t low = digest[from[2]];
    put((high << 16) | (middle << 8) | low, 4);
    from = {from[2] + 1, from[0] + 1, from[1] + 1};
  }
  put((std::uint32_t{digest[31]} << 8) | digest[30], 3);
  return text;
}

}  // namespace

Sha256CryptDigest sha256_crypt(std::string_view password, Bytes salt, std::uint32_t rounds) {
  const Bytes key = as_bytes(password);
  Hasher hasher;
  Digest a = first_digest(hasher, key, salt);
  for (std::size_t i = 0; i < key.size(); ++i) hasher.add(key);  // steps 13 to 16
  ByteBuffer p = cycled(hasher.finish(), key.size());
  for (std::size_t i = 0; i < std::size_t{16} + a[0]; ++i) hasher.add(salt);  // steps 17 to 20
  const ByteBuffer s = cycled(hasher.finish(), salt.size());
  for (std::uint32_t round = 0; round < rounds; ++round) {  // step 21
    const bool odd = round % 2 != 0;
    hasher.add(odd ? Bytes(p) : Bytes(a));
    if (round % 3 != 0) hasher.add(s);
    if (round % 7 != 0) hasher.add(p);
    hasher.add(odd ? Bytes(a) : Bytes(p));
    a = hasher.finish();
  }
  const Sha256CryptDigest text = encode(a);
  OPENSSL_cleanse(p.data(), p.size());
  OPENSSL_cleanse(a.data(), a.size());
  return text;
}

}  // namespace sluice::protocol
