// The account of the admin port: as configured, or with a password that is made at the first start and kept in a file
// that only the owner reads.
//
// Flow: `run`: `make_admin_account(config)`; the command line: `read_admin_account(config)`.
#pragma once

#include <string>

#include "admin/config.hpp"
#include "protocol/result.hpp"

namespace sluice::admin {

struct AdminAccount {
  std::string user;
  std::string password;
  std::string made_file;  // where a password was generated just now; empty: it was there
};

[[nodiscard]] Result<AdminAccount, std::string> make_admin_account(const Config& config);

// Never makes one. The error says which file cannot be read.
[[nodiscard]] Result<AdminAccount, std::string> read_admin_account(const Config& config);

}  // namespace sluice::admin
