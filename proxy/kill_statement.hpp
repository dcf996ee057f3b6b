// KILL with the id of one of our own connections: the id that a client sees means nothing to a server, where it may be
// somebody else's.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace sluice::proxy {

struct KillTarget {
  std::uint64_t id = 0;     // of a connection; a number too large for any id gives the largest
  bool query_only = false;  // KILL QUERY: the connection stays
};

// `KILL [HARD | SOFT] [CONNECTION | QUERY] <number>`. nullopt: another form (KILL USER, KILL QUERY ID, an expression),
// which must not be sent on.
[[nodiscard]] std::optional<KillTarget> parse_kill(std::string_view sql);

}  // namespace sluice::proxy
