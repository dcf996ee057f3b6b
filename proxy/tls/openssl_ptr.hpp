// Owners of OpenSSL's objects, and the text of its errors. Internal to this room.
//
// Flow: `PkeyPtr key(EVP_EC_gen("P-256")); if (key == nullptr) return openssl_error("make a key");`
#pragma once

#include <openssl/bio.h>
#include <openssl/evp.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

#include <memory>
#include <string>
#include <string_view>

namespace sluice::tls {

template <auto free_function>
struct OpenSslFree {
  template <class T>
  void operator()(T* object) const {
    free_function(object);
  }
};

using BioPtr = std::unique_ptr<BIO, OpenSslFree<BIO_free>>;
using PkeyPtr = std::unique_ptr<EVP_PKEY, OpenSslFree<EVP_PKEY_free>>;
using PkeyCtxPtr = std::unique_ptr<EVP_PKEY_CTX, OpenSslFree<EVP_PKEY_CTX_free>>;
using X509Ptr = std::unique_ptr<X509, OpenSslFree<X509_free>>;
using X509ExtensionPtr = std::unique_ptr<X509_EXTENSION, OpenSslFree<X509_EXTENSION_free>>;

// "<what>: <OpenSSL's reasons>", and empties this thread's error queue. Without a queued reason: only `what`.
// After a failed system call: its reason alone.
[[nodiscard]] std::string openssl_error(std::string_view what);

// What a memory BIO has gathered, as text.
[[nodiscard]] std::string bio_text(BIO* bio);

}  // namespace sluice::tls
