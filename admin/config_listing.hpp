// The configuration as rows of key and value: for the admin table `settings`, and for the test that compares the keys
// with docs/configuration.md. Passwords and hashes are never in it.
//
// Flow: `for (const Setting& s : list_settings(config)) …`; `list_keys()` for the keys with their defaults.
#pragma once

#include <string>
#include <vector>

#include "admin/config.hpp"
#include "admin/units.hpp"

namespace sluice::admin {

struct Setting {
  std::string section;  // "[proxy]", "[[cluster]]"
  std::string key;      // "listen", "monitor.user"
  std::string value;    // secrets: "(set)" or ""
  Unit unit = Unit::none;
  std::string item;  // which cluster or user, empty elsewhere
};

[[nodiscard]] std::vector<Setting> list_settings(const Config& config);

// Every key there is, with its default as value.
[[nodiscard]] std::vector<Setting> list_keys();

}  // namespace sluice::admin
