// What a KILL aims at. Ids of two kinds mean something: a session's, which its greeting told, and a server's thread,
// which CONNECTION_ID(), SHOW PROCESSLIST and their like tell (session_id.hpp keeps them apart).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "router/classify.hpp"

namespace sluice::proxy {

struct KillStatement {
  enum class Target : std::uint8_t {
    id,          // a connection's
    expression,  // its value is a connection's id
    other,       // KILL QUERY ID n, KILL USER u, and what can't be parsed: the server knows what it means
  };
  Target target = Target::other;
  bool query_only = false;      // KILL QUERY: the connection stays
  bool soft = false;            // KILL SOFT: what would leave a table damaged goes on
  std::uint64_t id = 0;         // a number too large for any id gives the largest
  std::string_view expression;  // borrowed from the text; empty: there is a query in it, which servers refuse

  // The same for that id, as a server reads it.
  [[nodiscard]] std::string with_id(std::uint64_t number) const;
};

// Of a text that the router found to be one KILL: `KILL [HARD | SOFT] [CONNECTION | QUERY [ID]] n`, `… USER u`.
// Source: MariaDB knowledge base, "KILL [CONNECTION | QUERY]"; MySQL manual, "KILL Statement".
[[nodiscard]] KillStatement parse_kill(std::string_view sql, const router::Dialect& dialect);

}  // namespace sluice::proxy
