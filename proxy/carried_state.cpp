#include "proxy/carried_state.hpp"

#include <algorithm>
#include <array>
#include <functional>
#include <iterator>
#include <ranges>

namespace sluice::proxy {

namespace {

constexpr std::array<std::string_view, 5> names_variables = {"character_set_client", "character_set_connection",
                                                             "character_set_results", "collation_connection", "names"};

bool comes_from_handshake(std::string_view name) { return CarriedState::comes_from_handshake(name); }

bool decides_parsing(std::string_view name) {
  return comes_from_handshake(name) || name == "sql_mode" || name == "old_mode";
}

const router::Assignment* find(const std::vector<router::Assignment>& all, std::string_view name) {
  const auto it = std::find_if(all.begin(), all.end(), [&](const auto& a) { return a.name == name; });
  return it == all.end() ? nullptr : &*it;
}

void append_set(std::string& sets, std::string_view name, std::string_view value) {
  sets += sets.empty() ? "SET " : ", ";
  sets.append(name).append("=").append(value);
}

}  // namespace

bool CarriedState::comes_from_handshake(std::string_view name) {
  return std::find(names_variables.begin(), names_variables.end(), name) != names_variables.end();
}

void CarriedState::assign(const router::Assignment& assignment) {
  const bool names = assignment.name == "names";
  std::erase_if(variables_,
                [&](const auto& v) { return v.name == assignment.name || (names && comes_from_handshake(v.name)); });
  variables_.push_back(assignment);
  refresh_fingerprint();
}

std::vector<router::Assignment> CarriedState::parse_settings() const {
  std::vector<router::Assignment> settings;
  std::copy_if(variables_.begin(), variables_.end(), std::back_inserter(settings),
               [](const auto& v) { return decides_parsing(v.name); });
  return settings;
}

void CarriedState::replace_parse_settings(const std::vector<router::Assignment>& settings) {
  std::erase_if(variables_, [](const auto& v) { return decides_parsing(v.name); });
  variables_.insert(variables_.end(), settings.begin(), settings.end());
  refresh_fingerprint();
}

bool CarriedState::follows_schema() const {
  const router::Assignment* collation = find(variables_, "collation_connection");
  return collation != nullptr && collation->value == "@@collation_database";
}

void CarriedState::refresh_fingerprint() {
  fingerprint_ = 0;
  for (const auto& v : variables_) {
    const std::size_t one = std::hash<std::string>{}(v.name) * 31 + std::hash<std::string>{}(v.value);
    fingerprint_ = fingerprint_ * 1'000'003 + one;
  }
}

namespace {

bool same_charset(const CarriedState& a, const CarriedState& b) {
  if (b.follows_schema() && a.schema != b.schema) return false;
  const auto of_handshake = [](const auto& v) { return comes_from_handshake(v.name); };
  return std::ranges::equal(a.variables() | std::views::filter(of_handshake),
                            b.variables() | std::views::filter(of_handshake));
}

// What `to` says of them is said on top of a known ground: SET NAMES, which sets all of them, or the handshake's.
// False: that isn't known.
bool append_charset(StateSteps& steps, const CarriedState& from, const CarriedState& to, const LogonState* logon) {
  if (const router::Assignment* names = find(to.variables(), "names"); names != nullptr) {
    steps.set_names = "SET NAMES " + names->value;
  } else if (std::ranges::any_of(from.variables(), [](const auto& v) { return comes_from_handshake(v.name); })) {
    if (logon == nullptr) return false;
    append_set(steps.sets, "character_set_client", logon->client);
    append_set(steps.sets, "character_set_results", logon->results);
    append_set(steps.sets, "collation_connection", logon->collation);
  }
  for (const auto& v : to.variables()) {
    if (comes_from_handshake(v.name) && v.name != "names") append_set(steps.sets, v.name, v.value);
  }
  return true;
}

}  // namespace

std::optional<StateSteps> steps_to(const CarriedState& from, const CarriedState& to, const LogonState* logon,
                                   const LogonValues& values) {
  StateSteps steps;
  if (from.schema != to.schema) {
    if (to.schema.empty()) return std::nullopt;
    steps.schema = to.schema;
    steps.schema_first = to.follows_schema();
  }
  if (from.fingerprint() != to.fingerprint() || from.variables() != to.variables() || steps.schema_first) {
    if (!same_charset(from, to) && !append_charset(steps, from, to, logon)) return std::nullopt;
    for (const auto& v : from.variables()) {
      if (comes_from_handshake(v.name) || find(to.variables(), v.name) != nullptr) continue;
      const auto before = values.before(v.name);
      if (!before) return std::nullopt;
      append_set(steps.sets, v.name, *before);
    }
    for (const auto& v : to.variables()) {
      if (!comes_from_handshake(v.name)) append_set(steps.sets, v.name, v.value);
    }
  }
  // Last, because switching it on commits what is open; nothing is open on a connection that changes hands.
  if (from.autocommit != to.autocommit) append_set(steps.sets, "autocommit", to.autocommit ? "1" : "0");
  return steps;
}

}  // namespace sluice::proxy
