#include "proxy/tls/rsa_key.hpp"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>

#include <utility>

#include "proxy/tls/openssl_ptr.hpp"

namespace sluice::tls {
namespace {

constexpr int key_bits = 2048;
// A peer's key is its own choice: these keep it from choosing what we compute with.
constexpr std::size_t peer_pem_max = 8192;
constexpr int peer_bits_min = 1024;
constexpr int peer_bits_max = 8192;

// Never ask a terminal for a passphrase.
int no_passphrase(char*, int, int, void*) { return 0; }

using Step = int (*)(EVP_PKEY_CTX*, unsigned char*, std::size_t*, const unsigned char*, std::size_t);

std::optional<protocol::ByteBuffer> run_oaep(EVP_PKEY* key, int (*init)(EVP_PKEY_CTX*), Step step,
                                             protocol::Bytes input) {
  const PkeyCtxPtr context(EVP_PKEY_CTX_new(key, nullptr));
  std::optional<protocol::ByteBuffer> output;
  std::size_t size = 0;
  if (context != nullptr && init(context.get()) == 1 &&
      EVP_PKEY_CTX_set_rsa_padding(context.get(), RSA_PKCS1_OAEP_PADDING) == 1 &&
      step(context.get(), nullptr, &size, input.data(), input.size()) == 1) {
    output.emplace(size);
    if (step(context.get(), output->data(), &size, input.data(), input.size()) == 1) {
      output->resize(size);
    } else {
      output.reset();
    }
  }
  ERR_clear_error();
  return output;
}

}  // namespace

Result<RsaKey, std::string> RsaKey::adopt(std::shared_ptr<evp_pkey_st> key) {
  const BioPtr bio(BIO_new(BIO_s_mem()));
  if (bio == nullptr || PEM_write_bio_PUBKEY(bio.get(), key.get()) != 1)
    return openssl_error("write an RSA public key");
  return RsaKey(std::move(key), bio_text(bio.get()));
}

Result<RsaKey, std::string> RsaKey::generate() {
  ERR_clear_error();
  const std::shared_ptr<EVP_PKEY> key(EVP_RSA_gen(key_bits), EVP_PKEY_free);
  if (key == nullptr) return openssl_error("make an RSA key");
  return adopt(key);
}

Result<RsaKey, std::string> RsaKey::load(const std::string& path) {
  ERR_clear_error();
  const BioPtr bio(BIO_new_file(path.c_str(), "r"));
  if (bio == nullptr) return openssl_error("open the RSA key " + path);
  const std::shared_ptr<EVP_PKEY> key(PEM_read_bio_PrivateKey(bio.get(), nullptr, no_passphrase, nullptr),
                                      EVP_PKEY_free);
  if (key == nullptr) return openssl_error("read the RSA key " + path);
  if (EVP_PKEY_get_base_id(key.get()) != EVP_PKEY_RSA) return "the key in " + path + " is not an RSA key";
  return adopt(key);
}

std::string RsaKey::private_key_pem() const {
  const BioPtr bio(BIO_new(BIO_s_mem()));
  if (bio == nullptr ||
      PEM_write_bio_PrivateKey(bio.get(), key_.get(), nullptr, nullptr, 0, no_passphrase, nullptr) != 1) {
    ERR_clear_error();
    return {};
  }
  return bio_text(bio.get());
}

std::optional<protocol::ByteBuffer> RsaKey::decrypt_oaep(protocol::Bytes encrypted) const {
  if (encrypted.size() != static_cast<std::size_t>(EVP_PKEY_get_size(key_.get()))) return std::nullopt;
  return run_oaep(key_.get(), EVP_PKEY_decrypt_init, EVP_PKEY_decrypt, encrypted);
}

protocol::ServerRsa RsaKey::server_rsa() const {
  return {public_key_pem_, [key = *this](protocol::Bytes encrypted) { return key.decrypt_oaep(encrypted); }};
}

std::optional<protocol::ByteBuffer> encrypt_oaep(std::string_view public_key_pem, protocol::Bytes plain) {
  if (public_key_pem.size() > peer_pem_max) return std::nullopt;
  const BioPtr bio(BIO_new_mem_buf(public_key_pem.data(), static_cast<int>(public_key_pem.size())));
  if (bio == nullptr) return std::nullopt;
  const PkeyPtr key(PEM_read_bio_PUBKEY(bio.get(), nullptr, no_passphrase, nullptr));
  ERR_clear_error();
  if (key == nullptr || EVP_PKEY_get_base_id(key.get()) != EVP_PKEY_RSA) return std::nullopt;
  const int bits = EVP_PKEY_get_bits(key.get());
  if (bits < peer_bits_min || bits > peer_bits_max) return std::nullopt;
  return run_oaep(key.get(), EVP_PKEY_encrypt_init, EVP_PKEY_encrypt, plain);
}

}  // namespace sluice::tls
