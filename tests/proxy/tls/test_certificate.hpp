// Certificates of every kind that a peer may show: signed by a CA or by itself, expired, for any name.
//
// Flow: `TestCertificate ca("ca"); TestCertificate db("db", {.issuer = &ca, .names = "DNS:db1"}); db.save(dir)`
#pragma once

#include <openssl/ec.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include <cstdio>
#include <string>

#include "proxy/tls/openssl_ptr.hpp"
#include "proxy/tls/tls_context.hpp"

namespace sluice::tls::testing {

class TestCertificate {
 public:
  struct Options {
    const TestCertificate* issuer = nullptr;  // nullptr: itself
    std::string names = "DNS:localhost";
    long valid_from_s = -3600;  // from now
    long valid_to_s = 3600;
  };

  explicit TestCertificate(const std::string& common_name) : TestCertificate(common_name, Options{}) {}
  TestCertificate(const std::string& common_name, const Options& options)
      : name_(common_name), key_(EVP_EC_gen("P-256")), certificate_(X509_new()) {
    const TestCertificate& issuer = options.issuer == nullptr ? *this : *options.issuer;
    X509* raw = certificate_.get();
    X509_set_version(raw, X509_VERSION_3);
    ASN1_INTEGER_set_uint64(X509_get_serialNumber(raw), 1);
    X509_gmtime_adj(X509_getm_notBefore(raw), options.valid_from_s);
    X509_gmtime_adj(X509_getm_notAfter(raw), options.valid_to_s);
    X509_set_pubkey(raw, key_.get());
    X509_NAME_add_entry_by_txt(X509_get_subject_name(raw), "CN", MBSTRING_ASC,
                               reinterpret_cast<const unsigned char*>(name_.c_str()), -1, -1, 0);
    X509_set_issuer_name(raw, X509_get_subject_name(issuer.certificate_.get()));
    add_extension(NID_basic_constraints, options.issuer == nullptr ? "critical,CA:TRUE" : "CA:FALSE");
    add_extension(NID_subject_alt_name, options.names.c_str());
    X509_sign(raw, issuer.key_.get(), EVP_sha256());
  }

  // Writes <name>-cert.pem and <name>-key.pem into `dir`.
  [[nodiscard]] ServerFiles save(const std::string& dir) const {
    ServerFiles files{dir + "/" + name_ + "-cert.pem", dir + "/" + name_ + "-key.pem"};
    const BioPtr certificate(BIO_new_file(files.certificate.c_str(), "w"));
    PEM_write_bio_X509(certificate.get(), certificate_.get());
    const BioPtr key(BIO_new_file(files.key.c_str(), "w"));
    PEM_write_bio_PrivateKey(key.get(), key_.get(), nullptr, nullptr, 0, nullptr, nullptr);
    return files;
  }

 private:
  void add_extension(int id, const char* value) {
    const X509ExtensionPtr extension(X509V3_EXT_conf_nid(nullptr, nullptr, id, value));
    X509_add_ext(certificate_.get(), extension.get(), -1);
  }

  std::string name_;
  PkeyPtr key_;
  X509Ptr certificate_;
};

}  // namespace sluice::tls::testing
