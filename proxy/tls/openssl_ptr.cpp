#include "proxy/tls/openssl_ptr.hpp"

#include <openssl/err.h>

#include <system_error>

namespace sluice::tls {

std::string openssl_error(std::string_view what) {
  // A library's texts are loaded with its first use, which may have been the one that failed.
  OPENSSL_init_ssl(OPENSSL_INIT_LOAD_SSL_STRINGS | OPENSSL_INIT_LOAD_CRYPTO_STRINGS, nullptr);
  std::string text(what);
  std::string_view separator = ": ";
  const char* data = nullptr;
  int flags = 0;
  for (unsigned long code = 0; (code = ERR_get_error_all(nullptr, nullptr, nullptr, &data, &flags)) != 0;) {
    text += separator;
    if (ERR_SYSTEM_ERROR(code)) {  // the cause; what OpenSSL adds repeats it
      text += std::generic_category().message(ERR_GET_REASON(code));
      ERR_clear_error();
      break;
    }
    const char* reason = ERR_reason_error_string(code);
    text += reason != nullptr ? reason : "error " + std::to_string(code);
    if ((flags & ERR_TXT_STRING) != 0 && data != nullptr && *data != '\0') text.append(" (").append(data).append(")");
    separator = "; ";
  }
  return text;
}

std::string bio_text(BIO* bio) {
  const char* data = nullptr;
  const long size = BIO_get_mem_data(bio, &data);
  return size > 0 ? std::string(data, static_cast<std::size_t>(size)) : std::string();
}

}  // namespace sluice::tls
