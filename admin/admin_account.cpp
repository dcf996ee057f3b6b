#include "admin/admin_account.hpp"

#include <openssl/rand.h>

#include <array>
#include <filesystem>

#include "admin/state_dir.hpp"
#include "proxy/tls/private_file.hpp"

namespace sluice::admin {
namespace {

// 120 random bits in hexadecimal: survives every shell and client without quoting.
std::string random_password() {
  std::array<unsigned char, 15> bytes{};
  if (RAND_bytes(bytes.data(), static_cast<int>(bytes.size())) != 1) return {};
  std::string out;
  constexpr std::string_view digits = "0123456789abcdef";
  for (const unsigned char b : bytes) out.append({digits[b >> 4], digits[b & 15]});
  return out;
}

}  // namespace

Result<AdminAccount, std::string> read_admin_account(const Config& config) {
  if (!config.admin.secret.password.empty()) return AdminAccount{config.admin.user, config.admin.secret.password, {}};
  const std::string path = admin_password_file(config);
  auto file = read_text_file(path, password_file_bytes_max);
  if (!file) return "cannot read the admin password from " + path + ": " + file.error();
  std::string password = file->text.substr(0, file->text.find('\n'));
  if (password.empty()) return "the admin password file " + path + " is empty; remove it to have one made";
  return AdminAccount{config.admin.user, std::move(password), {}};
}

Result<AdminAccount, std::string> make_admin_account(const Config& config) {
  const std::string path = admin_password_file(config);
  std::error_code error;
  const bool needed = config.admin.secret.password.empty() && !std::filesystem::exists(path, error);
  if (!needed) return read_admin_account(config);
  if (const auto failed = make_state_dir(config)) return *failed;
  AdminAccount account{config.admin.user, random_password(), path};
  if (account.password.empty()) return std::string("the system gives no random numbers");
  if (const auto failed = tls::write_file(path, account.password + "\n", 0600)) return *failed;
  return account;
}

}  // namespace sluice::admin
