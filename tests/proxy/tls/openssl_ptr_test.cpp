#include "proxy/tls/openssl_ptr.hpp"

#include <gtest/gtest.h>
#include <openssl/err.h>

namespace sluice::tls {
namespace {

TEST(OpensslError, TellsAllReasonsOnceInOrder) {
  ERR_clear_error();
  ERR_raise(ERR_LIB_SSL, SSL_R_NO_SHARED_CIPHER);
  ERR_raise_data(ERR_LIB_SSL, SSL_R_UNSUPPORTED_PROTOCOL, "it said %d", 3);
  EXPECT_EQ(openssl_error("start"), "start: no shared cipher; unsupported protocol (it said 3)");
  EXPECT_EQ(openssl_error("start"), "start");
}

TEST(OpensslError, TellsASystemErrorWithoutItsEchoes) {
  ERR_clear_error();
  ERR_raise_data(ERR_LIB_SYS, ENOENT, "calling fopen(x.pem, r)");
  ERR_raise(ERR_LIB_BIO, BIO_R_NO_SUCH_FILE);
  EXPECT_EQ(openssl_error("open x.pem"), "open x.pem: No such file or directory");
  EXPECT_EQ(openssl_error("start"), "start");
}

}  // namespace
}  // namespace sluice::tls
