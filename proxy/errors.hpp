// The errors that sluice itself gives to clients: what happened, why, what to do. Numbers are the servers' own where
// one fits (MariaDB knowledge base, "MariaDB Error Codes"), so that drivers react as they do to a server.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace sluice::proxy {

struct ClientError {
  std::uint16_t code = 1105;  // ER_UNKNOWN_ERROR
  std::string sqlstate = "HY000";
  std::string text;
};

[[nodiscard]] inline ClientError unknown_command() { return {1047, "08S01", "Unknown command"}; }
[[nodiscard]] inline ClientError packets_out_of_order() { return {1156, "08S01", "Got packets out of order"}; }
[[nodiscard]] inline ClientError malformed_packet() { return {1835, "HY000", "Malformed communication packet"}; }
[[nodiscard]] inline ClientError packet_too_large(std::string_view limit) {
  return {1153, "08S01", "Got a packet bigger than 'max_allowed_packet' bytes (sluice: " + std::string(limit) + ")"};
}
[[nodiscard]] inline ClientError too_many_clients() { return {1040, "08004", "Too many connections"}; }
[[nodiscard]] inline ClientError shutting_down() { return {1053, "08S01", "Server shutdown in progress"}; }
[[nodiscard]] inline ClientError unknown_statement_id(std::uint32_t id, std::string_view command) {
  return {1243, "HY000",
          "Unknown prepared statement handler (" + std::to_string(id) + ") given to " + std::string(command)};
}
[[nodiscard]] inline ClientError too_many_statements(std::uint32_t max) {
  return {1461, "42000",
          "Can't create more than max_prepared_stmt_count statements (current value: " + std::to_string(max) + ")"};
}
[[nodiscard]] inline ClientError bad_handshake() { return {1043, "08S01", "Bad handshake"}; }

[[nodiscard]] inline ClientError hold_timeout(std::string_view cluster, std::string_view reason, std::uint32_t ms) {
  return {1105, "HY000",
          "sluice: no server of cluster '" + std::string(cluster) + "' can take this statement (" +
              std::string(reason) + "); it was held for " + std::to_string(ms) +
              " ms (limits.hold_max_ms) and not executed; it is safe to run it again"};
}
[[nodiscard]] inline ClientError hold_full(std::string_view cluster, std::string_view reason) {
  return {1105, "HY000",
          "sluice: no server of cluster '" + std::string(cluster) + "' can take this statement (" +
              std::string(reason) +
              "), and as many statements as limits.hold_clients_max allows wait for one already; this one was not "
              "executed; try again later"};
}
[[nodiscard]] inline ClientError pool_timeout(std::string_view server, std::uint32_t ms) {
  return {1105, "HY000",
          "sluice: no connection to " + std::string(server) + " became free within " + std::to_string(ms) +
              " ms (limits.pool_wait_max_ms, limits.backend_connections_max); the statement was not executed"};
}
// Not 2013, which drivers say of their own connection: Connector/C takes an error packet with a number of the clients'
// range for a malformed one, and its text is lost. 08007 is "transaction resolution unknown" (ISO 9075-2).
[[nodiscard]] inline ClientError outcome_unknown(std::string_view server, std::string_view why) {
  return {1158, "08007",
          "sluice: the connection to " + std::string(server) + " was lost while it executed this statement (" +
              std::string(why) +
              "); whether it took effect is unknown, and it was not run again; check before repeating it"};
}
[[nodiscard]] inline ClientError transaction_lost(std::string_view server, std::string_view why) {
  return {1927, "70100",
          "sluice: the connection to " + std::string(server) + " was lost in an open transaction (" + std::string(why) +
              "); it was rolled back; run the transaction again"};
}
[[nodiscard]] inline ClientError transaction_unknown(std::string_view server, std::string_view why) {
  return {
      1158, "08007",
      "sluice: the connection to " + std::string(server) + " was lost (" + std::string(why) +
          ") after an error that may have ended the open transaction; whether what it did, and what came after that "
          "error, took effect is unknown; check before repeating it"};
}
[[nodiscard]] inline ClientError session_lost(std::string_view server, std::string_view pins, std::string_view why) {
  return {1927, "70100",
          "sluice: the connection to " + std::string(server) + " was lost (" + std::string(why) +
              "), and with it what this session kept there (" + std::string(pins) + "); set it up again"};
}
[[nodiscard]] inline ClientError diagnostics_gone() {
  return {
      1105, "HY000",
      "sluice: what the previous statement left behind (warnings, row counts) is gone: its server connection served "
      "another client, was asked for LAST_INSERT_ID() or was lost, since; ask within a transaction"};
}
[[nodiscard]] inline ClientError interrupted() { return {1317, "70100", "Query execution was interrupted"}; }
[[nodiscard]] inline ClientError insert_id_gone() {
  return {
      1105, "HY000",
      "sluice: what LAST_INSERT_ID() was is gone: its server connection was lost before it was asked for it; the next "
      "INSERT sets it anew"};
}
[[nodiscard]] inline ClientError settings_gone() {
  return {
      1105, "HY000",
      "sluice: this statement was prepared under a character set or in a schema that this session has left, and its "
      "server connection can't be brought there and back; prepare it again"};
}
[[nodiscard]] inline ClientError long_data_gone(std::string_view why) {
  return {1105, "HY000",
          "sluice: parameter data sent ahead for this statement is lost (" + std::string(why) +
              "); it was not executed; reset it and send all of it again"};
}
[[nodiscard]] inline ClientError read_lost(std::string_view server, std::string_view why) {
  return {1158, "08S01",
          "sluice: the connection to " + std::string(server) + " was lost while it executed this statement (" +
              std::string(why) + "), as others before it; it changes nothing; it is safe to run it again"};
}
[[nodiscard]] inline ClientError read_only_transaction() {
  return {1792, "25006", "Cannot execute statement in a READ ONLY transaction"};
}
[[nodiscard]] inline ClientError opaque_on_replica(std::string_view server) {
  return {1105, "HY000",
          "sluice: this read only transaction runs on " + std::string(server) +
              ", which does not lead the cluster, and what this statement does can't be seen; start the transaction "
              "without READ ONLY"};
}
[[nodiscard]] inline ClientError lock_on_replica(std::string_view server) {
  return {1105, "HY000",
          "sluice: this read only transaction runs on " + std::string(server) +
              ", which does not lead the cluster: GET_LOCK() there would exclude nobody; start the transaction without "
              "READ ONLY"};
}
[[nodiscard]] inline ClientError sequence_value_gone() {
  return {
      1105, "HY000",
      "sluice: which value this session took from a sequence last (LASTVAL, PREVIOUS VALUE) is known only to the "
      "server "
      "connection that took it, and that served another statement since; ask right after NEXTVAL, or within the same "
      "transaction"};
}
[[nodiscard]] inline ClientError types_missing() {
  return {1210, "HY000",
          "sluice: a statement of 16 MiB or more was executed without its parameter types on a server connection that "
          "does not know them; bind the parameters again"};
}
[[nodiscard]] inline ClientError unknown_thread(std::uint64_t id) {
  return {1094, "HY000", "Unknown thread id: " + std::to_string(id)};
}
[[nodiscard]] inline ClientError kill_unreadable() {
  return {1105, "HY000",
          "sluice: a KILL must be a text of its own, so that it can be seen whom it means; it was not executed"};
}
[[nodiscard]] inline ClientError kill_expression_refused() {
  return {1235, "42000",
          "This version of sluice doesn't yet support 'stored functions and assignments in KILL'; it was not executed"};
}
// Drivers then put the values into the text themselves.
[[nodiscard]] inline ClientError not_preparable() {
  return {1295, "HY000", "This command is not supported in the prepared statement protocol yet"};
}
[[nodiscard]] inline ClientError not_owner(std::uint64_t id) {
  return {1095, "HY000", "You are not owner of thread " + std::to_string(id)};
}

}  // namespace sluice::proxy
