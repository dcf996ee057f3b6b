// What sluice knows about server variables by name: which may be read on any server, and which settings of a session
// can be made again on another connection.
//
// Flow: `parse_system_variable("@@session.sql_mode")`, then ask by the name.
#pragma once

#include <cstdint>
#include <string_view>

namespace sluice::router {

enum class VariableScope : std::uint8_t { none, session, global };  // PERSIST counts as global

struct SystemVariable {
  VariableScope scope = VariableScope::none;
  std::string_view name;  // empty: not understood
};

// "@@x", "@@session.x", "@@local.x", "@@global.x", "@@persist.x"; anything else gives an empty name.
[[nodiscard]] SystemVariable parse_system_variable(std::string_view text);

// Session variables, global ones that a cluster's servers share by their nature (version, build), and those by which a
// client asks who answers it (hostname, server_id).
[[nodiscard]] bool reads_same_everywhere(std::string_view name);

// A session setting that must stay with its connection: used up by the next statement, bound to one server, or
// changing what reaches the binary log or the session trackers.
[[nodiscard]] bool stays_with_connection(std::string_view name);

}  // namespace sluice::router
