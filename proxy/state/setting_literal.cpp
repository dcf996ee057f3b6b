#include "proxy/state/setting_literal.hpp"

#include <algorithm>
#include <string_view>

namespace sluice::proxy {

namespace {

constexpr std::size_t value_bytes_max = 4096;

bool is_digit(char c) { return c >= '0' && c <= '9'; }

// No variable that holds text gives digits only.
bool is_number(std::string_view text) {
  if (text.starts_with('-')) text.remove_prefix(1);
  const std::size_t point = text.find('.');
  const std::string_view whole = text.substr(0, point);
  const std::string_view fraction = point == std::string_view::npos ? "0" : text.substr(point + 1);
  return !whole.empty() && !fraction.empty() && std::ranges::all_of(whole, is_digit) &&
         std::ranges::all_of(fraction, is_digit);
}

bool is_plain(char c) { return c >= ' ' && c <= '~' && c != '\'' && c != '"' && c != '`' && c != '\\'; }

}  // namespace

std::optional<std::string> setting_literal(const std::optional<std::string>& value) {
  if (!value) return "NULL";
  if (value->size() > value_bytes_max || !std::ranges::all_of(*value, is_plain)) return std::nullopt;
  if (is_number(*value)) return value;
  return "'" + *value + "'";
}

}  // namespace sluice::proxy
