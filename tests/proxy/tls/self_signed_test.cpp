#include "proxy/tls/self_signed.hpp"

#include <gtest/gtest.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <sys/stat.h>

#include <filesystem>

#include "proxy/tls/openssl_ptr.hpp"
#include "proxy/tls/rsa_key.hpp"
#include "proxy/tls/temp_dir.hpp"
#include "proxy/tls/tls_context.hpp"

namespace sluice::tls {
namespace {

using testing::read_file;
using testing::TempDir;

mode_t mode_of(const std::string& path) {
  struct stat status{};
  EXPECT_EQ(::stat(path.c_str(), &status), 0) << path;
  return status.st_mode & 0777U;
}

TEST(SelfSigned, IsMadeOnceThenKept) {
  const TempDir dir;
  const auto first = make_self_signed(dir.file("state"));
  ASSERT_TRUE(first.ok()) << first.error();
  EXPECT_TRUE(first->created_certificate);
  EXPECT_TRUE(first->created_rsa_key);
  EXPECT_EQ(mode_of(dir.file("state")), 0700U);
  EXPECT_EQ(mode_of(first->key), 0600U);
  EXPECT_EQ(mode_of(first->rsa_key), 0600U);
  const std::string certificate = read_file(first->certificate);
  const std::string key = read_file(first->key);
  const std::string rsa_key = read_file(first->rsa_key);

  const auto second = make_self_signed(dir.file("state"));
  ASSERT_TRUE(second.ok()) << second.error();
  EXPECT_FALSE(second->created_certificate);
  EXPECT_FALSE(second->created_rsa_key);
  EXPECT_EQ(read_file(second->certificate), certificate);
  EXPECT_EQ(read_file(second->key), key);
  EXPECT_EQ(read_file(second->rsa_key), rsa_key);
}

TEST(SelfSigned, FilesServeTlsAndRsa) {
  const TempDir dir;
  const auto files = make_self_signed(dir.path());
  ASSERT_TRUE(files.ok()) << files.error();
  EXPECT_TRUE(TlsContext::server({files->certificate, files->key}).ok());
  EXPECT_TRUE(TlsContext::client({Verify::chain_name, files->certificate}).ok());
  EXPECT_TRUE(RsaKey::load(files->rsa_key).ok());
}

TEST(SelfSigned, CertificateNamesThisMachineForTenYears) {
  const TempDir dir;
  const auto files = make_self_signed(dir.path());
  ASSERT_TRUE(files.ok()) << files.error();
  const BioPtr bio(BIO_new_file(files->certificate.c_str(), "r"));
  const X509Ptr certificate(PEM_read_bio_X509(bio.get(), nullptr, nullptr, nullptr));
  ASSERT_NE(certificate, nullptr);
  EXPECT_EQ(X509_check_host(certificate.get(), "localhost", 0, 0, nullptr), 1);
  EXPECT_EQ(X509_check_ip_asc(certificate.get(), "127.0.0.1", 0), 1);
  EXPECT_EQ(X509_check_ip_asc(certificate.get(), "::1", 0), 1);
  EXPECT_EQ(X509_check_host(certificate.get(), "elsewhere", 0, 0, nullptr), 0);
  int days = 0;
  int seconds = 0;
  ASSERT_EQ(ASN1_TIME_diff(&days, &seconds, nullptr, X509_get0_notAfter(certificate.get())), 1);
  EXPECT_GE(days, 3650);
  EXPECT_EQ(X509_cmp_current_time(X509_get0_notBefore(certificate.get())), -1);
}

TEST(SelfSigned, HalfAPairIsMadeAnewAndTheRestIsKept) {
  const TempDir dir;
  const auto first = make_self_signed(dir.path());
  ASSERT_TRUE(first.ok()) << first.error();
  const std::string rsa_key = read_file(first->rsa_key);
  for (const std::string& lost : {first->certificate, first->key}) {
    std::filesystem::remove(lost);
    const auto again = make_self_signed(dir.path());
    ASSERT_TRUE(again.ok()) << again.error();
    EXPECT_TRUE(again->created_certificate);
    EXPECT_FALSE(again->created_rsa_key);
    EXPECT_TRUE(TlsContext::server({again->certificate, again->key}).ok());
  }
  EXPECT_EQ(read_file(first->rsa_key), rsa_key);
}

TEST(SelfSigned, NamesTheFolderThatItCannotMake) {
  const TempDir dir;
  const auto files = make_self_signed(dir.file("absent/state"));
  ASSERT_FALSE(files.ok());
  EXPECT_NE(files.error().find("absent/state: No such file"), std::string::npos) << files.error();
}

}  // namespace
}  // namespace sluice::tls
