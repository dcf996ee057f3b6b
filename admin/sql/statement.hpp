// Understands the SQL of the admin port as far as it is not SQLite's: SHOW and DESCRIBE become queries over the admin
// tables, @@variables become calls, commands (KILL, SHUTDOWN, SWITCHOVER and the like) are named, and what clients say
// by habit (SET, USE) is accepted. Pure.
//
// Flow: `AdminStatement s = understand(text)`; by `s.kind` run `s.sql`, do the command, or answer the error.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "admin/change.hpp"

namespace sluice::admin {

struct SqlError {
  std::uint16_t code = 0;
  std::string_view sqlstate = "HY000";
  std::string message;
};

struct AdminStatement {
  enum class Kind : std::uint8_t { query, accepted, kill, shutdown, order, error };
  Kind kind = Kind::error;
  std::string sql;            // query: for SQLite
  std::string table;          // query: DESCRIBE and SHOW COLUMNS, the table that must exist
  std::uint32_t session = 0;  // kill
  Order order;                // SWITCHOVER, FAILOVER, REJOIN, MAINTENANCE
  SqlError error;             // error
};

[[nodiscard]] AdminStatement understand(std::string_view text);

// Turns `@@version`, `@@session.version`, `@@global.version` outside quotes and comments into calls of
// `sluice_variable('version')`, and back in the name that SQLite gives a column.
[[nodiscard]] std::string rewrite_variables(std::string_view sql);
[[nodiscard]] std::string restore_variables(std::string_view column_name);

}  // namespace sluice::admin
