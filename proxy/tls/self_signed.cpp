#include "proxy/tls/self_signed.hpp"

#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509v3.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <optional>
#include <system_error>

#include "proxy/tls/openssl_ptr.hpp"
#include "proxy/tls/private_file.hpp"
#include "proxy/tls/rsa_key.hpp"

namespace sluice::tls {
namespace {

constexpr long lifetime_s = 10L * 366 * 24 * 3600;
constexpr long backdated_s = 24L * 3600;  // clients whose clock is behind ours
constexpr mode_t secret_mode = 0600;
constexpr mode_t public_mode = 0644;

bool exists(const std::string& path) { return ::access(path.c_str(), F_OK) == 0; }

bool add_extension(X509* certificate, int id, const char* value) {
  X509V3_CTX context;
  X509V3_set_ctx_nodb(&context);
  X509V3_set_ctx(&context, certificate, certificate, nullptr, nullptr, 0);
  const X509ExtensionPtr extension(X509V3_EXT_conf_nid(nullptr, &context, id, value));
  return extension != nullptr && X509_add_ext(certificate, extension.get(), -1) == 1;
}

bool set_serial(X509* certificate) {
  std::uint64_t serial = 0;
  if (RAND_bytes(reinterpret_cast<unsigned char*>(&serial), sizeof serial) != 1) return false;
  return ASN1_INTEGER_set_uint64(X509_get_serialNumber(certificate), serial >> 1 | 1) == 1;
}

bool set_subject(X509* certificate) {
  X509_NAME* name = X509_get_subject_name(certificate);
  const auto* text = reinterpret_cast<const unsigned char*>("sluice");
  return X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, text, -1, -1, 0) == 1 &&
         X509_set_issuer_name(certificate, name) == 1;
}

// nullptr: see OpenSSL's error queue. It is its own CA, so that a client can be given it as CA file.
X509Ptr make_certificate(EVP_PKEY* key) {
  X509Ptr certificate(X509_new());
  X509* raw = certificate.get();
  const bool made = raw != nullptr && X509_set_version(raw, X509_VERSION_3) == 1 && set_serial(raw) &&
                    X509_gmtime_adj(X509_getm_notBefore(raw), -backdated_s) != nullptr &&
                    X509_gmtime_adj(X509_getm_notAfter(raw), lifetime_s) != nullptr && X509_set_pubkey(raw, key) == 1 &&
                    set_subject(raw) && add_extension(raw, NID_basic_constraints, "critical,CA:TRUE") &&
                    add_extension(raw, NID_subject_key_identifier, "hash") &&
                    add_extension(raw, NID_subject_alt_name, "DNS:localhost,IP:127.0.0.1,IP:::1") &&
                    X509_sign(raw, key, EVP_sha256()) > 0;
  if (!made) certificate.reset();
  return certificate;
}

// Key first: a crash between the two files leaves no certificate, and both are made anew.
std::optional<std::string> write_certificate(const SelfSigned& files) {
  ERR_clear_error();
  const PkeyPtr key(EVP_EC_gen("P-256"));
  if (key == nullptr) return openssl_error("make a TLS key");
  const X509Ptr certificate = make_certificate(key.get());
  const BioPtr key_pem(BIO_new(BIO_s_mem()));
  const BioPtr certificate_pem(BIO_new(BIO_s_mem()));
  if (certificate == nullptr || key_pem == nullptr || certificate_pem == nullptr ||
      PEM_write_bio_PrivateKey(key_pem.get(), key.get(), nullptr, nullptr, 0, nullptr, nullptr) != 1 ||
      PEM_write_bio_X509(certificate_pem.get(), certificate.get()) != 1) {
    return openssl_error("make the TLS certificate " + files.certificate);
  }
  ::unlink(files.certificate.c_str());
  if (auto error = write_file(files.key, bio_text(key_pem.get()), secret_mode)) return error;
  return write_file(files.certificate, bio_text(certificate_pem.get()), public_mode);
}

std::optional<std::string> write_rsa_key(const SelfSigned& files) {
  const auto key = RsaKey::generate();
  if (!key) return key.error();
  const std::string pem = key->private_key_pem();
  if (pem.empty()) return "cannot write the RSA key " + files.rsa_key;
  return write_file(files.rsa_key, pem, secret_mode);
}

}  // namespace

Result<SelfSigned, std::string> make_self_signed(const std::string& dir) {
  if (::mkdir(dir.c_str(), 0700) != 0 && errno != EEXIST) {
    return "make the folder " + dir + ": " + std::generic_category().message(errno);
  }
  const auto lock = DirectoryLock::take(dir);
  if (!lock) return lock.error();
  SelfSigned files{
      .certificate = dir + "/sluice-cert.pem", .key = dir + "/sluice-key.pem", .rsa_key = dir + "/sluice-rsa-key.pem"};
  if (!exists(files.certificate) || !exists(files.key)) {
    if (auto error = write_certificate(files)) return *error;
    files.created_certificate = true;
  }
  if (!exists(files.rsa_key)) {
    if (auto error = write_rsa_key(files)) return *error;
    files.created_rsa_key = true;
  }
  return files;
}

}  // namespace sluice::tls
