// Capability flags that client and server negotiate in the handshake.
// Source: MySQL internals manual, "Capabilities Flags"; MariaDB knowledge base, "Connection", for the upper 32 bits.
#pragma once

#include <cstdint>

namespace sluice::protocol {

// The lower 32 bits are MySQL's flags, the upper 32 MariaDB's extended ones (valid only if `client_mysql` is unset).
using Capabilities = std::uint64_t;

namespace cap {
constexpr Capabilities long_password = 1U << 0;  // MariaDB calls the bit CLIENT_MYSQL: unset says "I am MariaDB"
constexpr Capabilities client_mysql = long_password;
constexpr Capabilities found_rows = 1U << 1;
constexpr Capabilities long_flag = 1U << 2;
constexpr Capabilities connect_with_db = 1U << 3;
constexpr Capabilities no_schema = 1U << 4;
constexpr Capabilities compress = 1U << 5;
constexpr Capabilities odbc = 1U << 6;
constexpr Capabilities local_files = 1U << 7;
constexpr Capabilities ignore_space = 1U << 8;
constexpr Capabilities protocol_41 = 1U << 9;
constexpr Capabilities interactive = 1U << 10;
constexpr Capabilities ssl = 1U << 11;
constexpr Capabilities ignore_sigpipe = 1U << 12;
constexpr Capabilities transactions = 1U << 13;
constexpr Capabilities reserved = 1U << 14;
constexpr Capabilities secure_connection = 1U << 15;
constexpr Capabilities multi_statements = 1U << 16;
constexpr Capabilities multi_results = 1U << 17;
constexpr Capabilities ps_multi_results = 1U << 18;
constexpr Capabilities plugin_auth = 1U << 19;
constexpr Capabilities connect_attrs = 1U << 20;
constexpr Capabilities plugin_auth_lenenc_data = 1U << 21;
constexpr Capabilities can_handle_expired_passwords = 1U << 22;
constexpr Capabilities session_track = 1U << 23;
constexpr Capabilities deprecate_eof = 1U << 24;
constexpr Capabilities optional_resultset_metadata = 1U << 25;
constexpr Capabilities zstd_compression = 1U << 26;
constexpr Capabilities query_attributes = 1U << 27;
constexpr Capabilities remember_options = 1U << 31;

constexpr Capabilities mariadb_progress = 1ULL << 32;
constexpr Capabilities mariadb_com_multi = 1ULL << 33;
constexpr Capabilities mariadb_stmt_bulk = 1ULL << 34;
constexpr Capabilities mariadb_extended_metadata = 1ULL << 35;
constexpr Capabilities mariadb_cache_metadata = 1ULL << 36;
}  // namespace cap

[[nodiscard]] constexpr bool has(Capabilities all, Capabilities flag) { return (all & flag) == flag; }

}  // namespace sluice::protocol
