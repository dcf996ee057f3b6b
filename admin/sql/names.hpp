// Names in SQL are the same in upper and lower case.
//
// Flow: `if (same_name(table.name, asked)) …`
#pragma once

#include <algorithm>
#include <string_view>

namespace sluice::admin {

[[nodiscard]] inline bool same_name(std::string_view a, std::string_view b) {
  const auto lower = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; };
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), [&](char x, char y) { return lower(x) == lower(y); });
}

}  // namespace sluice::admin
