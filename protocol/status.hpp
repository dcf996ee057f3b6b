// Server status flags, as carried by OK and EOF packets.
// Source: MySQL internals manual, "Status Flags"; MariaDB knowledge base, "OK_Packet".
#pragma once

#include <cstdint>

namespace sluice::protocol {

using StatusFlags = std::uint16_t;

namespace status {
constexpr StatusFlags in_transaction = 0x0001;
constexpr StatusFlags autocommit = 0x0002;
constexpr StatusFlags more_results = 0x0008;
constexpr StatusFlags no_good_index_used = 0x0010;
constexpr StatusFlags no_index_used = 0x0020;
constexpr StatusFlags cursor_exists = 0x0040;
constexpr StatusFlags last_row_sent = 0x0080;
constexpr StatusFlags db_dropped = 0x0100;
constexpr StatusFlags no_backslash_escapes = 0x0200;
constexpr StatusFlags metadata_changed = 0x0400;
constexpr StatusFlags query_was_slow = 0x0800;
constexpr StatusFlags ps_out_params = 0x1000;
constexpr StatusFlags in_transaction_readonly = 0x2000;
constexpr StatusFlags session_state_changed = 0x4000;
constexpr StatusFlags ansi_quotes = 0x8000;  // MariaDB only

// What is said of one result, and neither of the session nor of what comes next.
constexpr StatusFlags of_one_result = more_results | no_good_index_used | no_index_used | cursor_exists |
                                      last_row_sent | db_dropped | metadata_changed | query_was_slow | ps_out_params |
                                      session_state_changed;
}  // namespace status

}  // namespace sluice::protocol
