#include "proxy/tls/tls_context.hpp"

#include <openssl/err.h>
#include <openssl/ssl.h>

#include <utility>

#include "proxy/tls/openssl_ptr.hpp"

namespace sluice::tls {
namespace {

// TLS 1.2 only: those of 1.3 are all good and keep OpenSSL's order.
constexpr const char* ciphers_tls12 = "ECDHE+AESGCM:ECDHE+CHACHA20:DHE+AESGCM:DHE+CHACHA20:!aNULL";

// Never ask a terminal for a passphrase.
int no_passphrase(char*, int, int, void*) { return 0; }

std::shared_ptr<SSL_CTX> new_context(const SSL_METHOD* method) {
  std::shared_ptr<SSL_CTX> context(SSL_CTX_new(method), SSL_CTX_free);
  if (context == nullptr || SSL_CTX_set_min_proto_version(context.get(), TLS1_2_VERSION) != 1 ||
      SSL_CTX_set_cipher_list(context.get(), ciphers_tls12) != 1) {
    return nullptr;
  }
  SSL_CTX_set_options(context.get(), SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION | SSL_OP_CIPHER_SERVER_PREFERENCE);
  // An idle connection gives its record buffers back: 10,000 idle clients would hold some 340 MB otherwise.
  SSL_CTX_set_mode(context.get(), SSL_MODE_RELEASE_BUFFERS);
  SSL_CTX_set_session_cache_mode(context.get(), SSL_SESS_CACHE_OFF);
  SSL_CTX_set_default_passwd_cb(context.get(), no_passphrase);
  return context;
}

}  // namespace

Result<TlsContext, std::string> TlsContext::server(const ServerFiles& files) {
  ERR_clear_error();
  std::shared_ptr<SSL_CTX> context = new_context(TLS_server_method());
  if (context == nullptr) return openssl_error("prepare TLS for clients");
  if (SSL_CTX_use_certificate_chain_file(context.get(), files.certificate.c_str()) != 1) {
    return openssl_error("read the TLS certificate " + files.certificate);
  }
  if (SSL_CTX_use_PrivateKey_file(context.get(), files.key.c_str(), SSL_FILETYPE_PEM) != 1) {
    return openssl_error("read the TLS key " + files.key);
  }
  if (SSL_CTX_check_private_key(context.get()) != 1) {
    return openssl_error("the TLS key " + files.key + " does not belong to the certificate " + files.certificate);
  }
  SSL_CTX_set_num_tickets(context.get(), 1);
  return TlsContext(std::move(context), true, Verify::none);
}

Result<TlsContext, std::string> TlsContext::client(const ClientTrust& trust) {
  ERR_clear_error();
  std::shared_ptr<SSL_CTX> context = new_context(TLS_client_method());
  if (context == nullptr) return openssl_error("prepare TLS for servers");
  if (trust.verify != Verify::none) {
    if (trust.ca_file.empty())
      return std::string("verifying a server's certificate needs a CA file, and none is given");
    if (SSL_CTX_load_verify_file(context.get(), trust.ca_file.c_str()) != 1) {
      return openssl_error("read the CA file " + trust.ca_file);
    }
    SSL_CTX_set_verify(context.get(), SSL_VERIFY_PEER, nullptr);
  }
  return TlsContext(std::move(context), false, trust.verify);
}

}  // namespace sluice::tls
