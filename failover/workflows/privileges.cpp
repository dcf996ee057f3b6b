#include "failover/workflows/privileges.hpp"

#include <algorithm>
#include <optional>

namespace sluice::failover {
namespace {

constexpr std::string_view all_schemas = " ON *.* TO ";
constexpr std::string_view separator = ", ";

bool super_is_split(const ServerKind& kind) { return kind.flavour == Flavour::mariadb && kind.number >= 100'500; }

bool super_includes(const ServerKind& kind, std::string_view privilege) {
  return super_is_split(kind) && kind.number < 101'100 && privilege.ends_with(" ADMIN");
}

// "GRANT RELOAD, SUPER ON *.* TO …": "RELOAD, SUPER". nullopt: it is about something else.
std::optional<std::string_view> global_privileges(std::string_view grant) {
  constexpr std::string_view verb = "GRANT ";
  const auto end = grant.find(all_schemas);
  if (!grant.starts_with(verb) || end == std::string_view::npos) return std::nullopt;
  return grant.substr(verb.size(), end - verb.size());
}

bool contains(std::string_view privileges, std::string_view wanted) {
  while (!privileges.empty()) {
    const auto end = std::min(privileges.find(separator), privileges.size());
    const auto one = privileges.substr(0, end);
    if (one == wanted || one == "ALL PRIVILEGES") return true;
    privileges.remove_prefix(std::min(end + separator.size(), privileges.size()));
  }
  return false;
}

bool gives(const ResultTable& grants, std::string_view wanted) {
  return std::any_of(grants.rows.begin(), grants.rows.end(), [&](const auto& row) {
    if (row.empty() || !row[0]) return false;
    const auto privileges = global_privileges(*row[0]);
    return privileges && contains(*privileges, wanted);
  });
}

}  // namespace

std::vector<std::string_view> privileges_to_act(const ServerKind& kind) {
  if (!super_is_split(kind)) return {"PROCESS", "REPLICATION CLIENT", "RELOAD", "SUPER"};
  return {"PROCESS",         "RELOAD",           "BINLOG MONITOR",          "SLAVE MONITOR",
          "READ_ONLY ADMIN", "CONNECTION ADMIN", "REPLICATION SLAVE ADMIN", "REPLICATION MASTER ADMIN"};
}

std::vector<std::string_view> missing_privileges(const ServerKind& kind, const ResultTable& grants) {
  std::vector<std::string_view> missing;
  const bool super = gives(grants, "SUPER");
  for (const auto privilege : privileges_to_act(kind)) {
    if (!gives(grants, privilege) && !(super && super_includes(kind, privilege))) missing.push_back(privilege);
  }
  return missing;
}

std::string listed(const std::vector<std::string_view>& privileges) {
  std::string text;
  for (const auto privilege : privileges) text += std::string(text.empty() ? "" : separator) + std::string(privilege);
  return text;
}

}  // namespace sluice::failover
