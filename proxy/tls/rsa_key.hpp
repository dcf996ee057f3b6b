// The RSA exchange of caching_sha2_password: a client without TLS sends its password encrypted with our public key.
// Padding is PKCS#1 OAEP with SHA-1 and MGF1-SHA-1. Source: MySQL internals manual, "Authentication Methods",
// caching_sha2_password; RFC 8017, section 7.1.
//
// Flow: `auto key = RsaKey::load(path); protocol::ServerRsa lent = key->server_rsa();` and, towards servers,
// `protocol::ClientRsa rsa = encrypt_oaep;`. All of it is safe on any thread at once.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "protocol/auth.hpp"
#include "protocol/bytes.hpp"
#include "protocol/result.hpp"

struct evp_pkey_st;

namespace sluice::tls {

// A private key; copies share it.
class RsaKey {
 public:
  // A fresh key of 2048 bits (about 100 ms).
  [[nodiscard]] static Result<RsaKey, std::string> generate();
  // From a PEM file. The error names the file.
  [[nodiscard]] static Result<RsaKey, std::string> load(const std::string& path);

  [[nodiscard]] const std::string& public_key_pem() const { return public_key_pem_; }
  // In clear: keep it where only its owner reads. Empty if OpenSSL cannot write it.
  [[nodiscard]] std::string private_key_pem() const;

  // nullopt: not made with this key, or damaged.
  [[nodiscard]] std::optional<protocol::ByteBuffer> decrypt_oaep(protocol::Bytes encrypted) const;

  // What protocol::ServerAuth borrows; it holds a share of the key.
  [[nodiscard]] protocol::ServerRsa server_rsa() const;

 private:
  RsaKey(std::shared_ptr<evp_pkey_st> key, std::string public_key_pem)
      : key_(std::move(key)), public_key_pem_(std::move(public_key_pem)) {}
  [[nodiscard]] static Result<RsaKey, std::string> adopt(std::shared_ptr<evp_pkey_st> key);

  std::shared_ptr<evp_pkey_st> key_;
  std::string public_key_pem_;
};

// Encrypts for the holder of a public key that a peer sent. nullopt: not an RSA key of 1024 to 8192 bits, or `plain` is
// too long for it (key bytes - 42).
[[nodiscard]] std::optional<protocol::ByteBuffer> encrypt_oaep(std::string_view public_key_pem, protocol::Bytes plain);

}  // namespace sluice::tls
