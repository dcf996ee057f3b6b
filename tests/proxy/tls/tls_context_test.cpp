#include "proxy/tls/tls_context.hpp"

#include <gtest/gtest.h>

#include <fstream>

#include "proxy/tls/temp_dir.hpp"
#include "proxy/tls/test_certificate.hpp"

namespace sluice::tls {
namespace {

using testing::TempDir;
using testing::TestCertificate;

void expect_error(const Result<TlsContext, std::string>& context, const std::string& file, const std::string& reason) {
  ASSERT_FALSE(context.ok());
  EXPECT_NE(context.error().find(file), std::string::npos) << context.error();
  EXPECT_NE(context.error().find(reason), std::string::npos) << context.error();
}

TEST(TlsContext, ServerTakesACertificateAndItsKey) {
  const TempDir dir;
  const auto context = TlsContext::server(TestCertificate("a").save(dir.path()));
  ASSERT_TRUE(context.ok()) << context.error();
  EXPECT_TRUE(context->is_server());
}

TEST(TlsContext, ServerErrorsNameTheFileAndTheReason) {
  const TempDir dir;
  const ServerFiles good = TestCertificate("a").save(dir.path());
  const ServerFiles other = TestCertificate("b").save(dir.path());
  std::ofstream(dir.file("garbage.pem")) << "garbage";

  expect_error(TlsContext::server({dir.file("absent.pem"), good.key}), "absent.pem", "No such file");
  expect_error(TlsContext::server({good.certificate, dir.file("absent.pem")}), "absent.pem", "No such file");
  expect_error(TlsContext::server({dir.file("garbage.pem"), good.key}), "garbage.pem", "no start line");
  expect_error(TlsContext::server({good.certificate, dir.file("garbage.pem")}), "garbage.pem", ": ");
  expect_error(TlsContext::server({good.certificate, other.key}), "b-key.pem", "mismatch");
}

TEST(TlsContext, ClientErrorsNameTheFileAndTheReason) {
  const TempDir dir;
  std::ofstream(dir.file("garbage.pem")) << "garbage";
  expect_error(TlsContext::client({Verify::chain, dir.file("absent.pem")}), "absent.pem", "No such file");
  expect_error(TlsContext::client({Verify::chain_name, dir.file("garbage.pem")}), "garbage.pem", ": ");
  expect_error(TlsContext::client({Verify::chain, ""}), "CA file", "none is given");
}

TEST(TlsContext, ClientThatVerifiesNothingNeedsNoFile) { EXPECT_TRUE(TlsContext::client({}).ok()); }

}  // namespace
}  // namespace sluice::tls
