// What a server gives whoever logs on: what a session that sets nothing of it finds there, and what must be said again
// to take back what a session set. DEFAULT would give the server's global values instead, and these are others where
// the handshake or `init_connect` chose.
//
// Flow: a backend that has logged on asks `LogonStates::find`; if nobody knows, it sends `logon_question`, and
// `logon_of_row` reads the answer. Sessions begin with it; `steps_to` (carried_state.hpp) goes back to it.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace sluice::proxy {

struct LogonState {
  // As they are said in a SET statement: a quoted name, or NULL.
  std::string client;
  std::string results;
  std::string collation;  // of the connection; its character set follows from it
  bool autocommit = true;

  bool operator==(const LogonState&) const = default;
};

using LogonStatePtr = std::shared_ptr<const LogonState>;

// The status flag of the logon's own answer is no answer: it comes before `init_connect` is run, and MySQL 5.6 sets it
// whatever the global autocommit is. LIMIT: `init_connect` may set sql_select_limit to 0.
constexpr std::string_view logon_question =
    "SELECT @@character_set_client, @@character_set_results, @@collation_connection, @@autocommit LIMIT 1";

// nullptr: not a row of these, with values that may be said in a statement.
[[nodiscard]] LogonStatePtr logon_of_row(const std::vector<std::optional<std::string>>& row);

// What one server gives one user, by the collation of the handshake: asked by the first connection, and again after
// one was lost, since the server may have been started anew with other settings.
class LogonStates {
 public:
  [[nodiscard]] LogonStatePtr find(std::uint8_t collation) const;
  void learn(std::uint8_t collation, LogonStatePtr logon) { known_[collation] = std::move(logon); }
  void forget() { known_.clear(); }

 private:
  std::map<std::uint8_t, LogonStatePtr> known_;
};

}  // namespace sluice::proxy
