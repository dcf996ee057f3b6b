#include "proxy/state/logon_state.hpp"

#include <algorithm>
#include <utility>

#include "proxy/state/setting_literal.hpp"

namespace sluice::proxy {

namespace {

constexpr std::size_t name_bytes_max = 64;  // NAME_CHAR_LEN; the names are ASCII

// The server's word goes into a statement of ours: only what can't be anything but a name.
bool is_name(std::string_view text) {
  return !text.empty() && text.size() <= name_bytes_max && std::all_of(text.begin(), text.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
  });
}

std::string quoted(const std::string& name) { return "'" + name + "'"; }

}  // namespace

LogonStatePtr logon_of_row(const std::vector<std::optional<std::string>>& row) {
  constexpr std::size_t columns = 5;
  if (row.size() != columns) return nullptr;
  const auto& [client, results, collation, autocommit, of_all] = std::tie(row[0], row[1], row[2], row[3], row[4]);
  // Only the results' may be NULL: they come unconverted then.
  if (!client || !is_name(*client) || !collation || !is_name(*collation)) return nullptr;
  if (results && !is_name(*results)) return nullptr;
  for (const auto& flag : {autocommit, of_all}) {
    if (flag != "0" && flag != "1") return nullptr;
  }
  return std::make_shared<const LogonState>(LogonState{quoted(*client), results ? quoted(*results) : "NULL",
                                                       quoted(*collation), autocommit == "1", of_all == "1"});
}

// LIMIT: sql_select_limit may be 0, and doesn't count then.
std::string value_question(std::string_view name) {
  const std::string variable(name);
  return "SELECT @@session." + variable + ", @@global." + variable + " LIMIT 1";
}

void LogonValues::learn(std::string name, const std::vector<std::optional<std::string>>& row) {
  std::optional<std::string> value("DEFAULT");  // the global one
  if (row.size() == 2 && row[0] != row[1]) value = setting_literal(row[0]);
  values_.emplace(std::move(name), std::move(value));
}

std::optional<std::string> LogonValues::before(std::string_view name) const {
  const auto it = values_.find(name);
  return it == values_.end() ? std::nullopt : it->second;
}

void SetNames::note(std::string_view name) {
  constexpr std::size_t names_max = 64;
  if (names_.size() < names_max && std::ranges::find(names_, name) == names_.end()) names_.emplace_back(name);
}

LogonStatePtr LogonStates::find(std::uint8_t collation) const {
  const auto it = known_.find(collation);
  return it == known_.end() ? nullptr : it->second;
}

}  // namespace sluice::proxy
