// What a server gives whoever logs on: what a session that sets nothing of it finds there, and what must be said again
// to take back what a session set. DEFAULT would give the server's global values instead, and these are others where
// the handshake or `init_connect` chose.
//
// Flow: each backend that has logged on sends `logon_question`; `logon_of_row` reads the answer, and `LogonStates`
// keeps the newest one for sessions to begin with. It is also asked the `value_question` of each variable that sessions
// are known to set on that server (`SetNames`), for its `LogonValues`: while nothing is set on it, so that one that has
// another name, or follows another one, is told as the logon gave it. `steps_to` (carried_state.hpp) goes back to both.
#pragma once

#include <cstdint>
#include <functional>
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
  bool autocommit_after_reset = true;  // COM_RESET_CONNECTION and COM_CHANGE_USER don't run init_connect

  bool operator==(const LogonState&) const = default;
};

using LogonStatePtr = std::shared_ptr<const LogonState>;

// The status flag of the logon's own answer is no answer: it comes before `init_connect` is run, and MySQL 5.6 sets it
// whatever the global autocommit is. What another connection was told is none either: the administrator may have set
// something else since. LIMIT: `init_connect` may set sql_select_limit to 0.
constexpr std::string_view logon_question =
    "SELECT @@character_set_client, @@character_set_results, @@collation_connection, @@autocommit, "
    "@@global.autocommit LIMIT 1";

// nullptr: not a row of these, with values that may be said in a statement.
[[nodiscard]] LogonStatePtr logon_of_row(const std::vector<std::optional<std::string>>& row);

[[nodiscard]] std::string value_question(std::string_view name);

// What one connection was given, of the variables that are set by sessions.
class LogonValues {
 public:
  [[nodiscard]] bool knows(std::string_view name) const { return values_.contains(name); }
  // `row`: the answer to its question; empty: there was none, as for what has no global value.
  void learn(std::string name, const std::vector<std::optional<std::string>>& row);
  // What it is set to, to take back what was set; nullopt: it wasn't asked, or can't be said.
  [[nodiscard]] std::optional<std::string> before(std::string_view name) const;

 private:
  std::map<std::string, std::optional<std::string>, std::less<>> values_;
};

// The variables that sessions set on one server. Bounded: a connection on which yet others were set is closed instead
// of being taken back. The SQL mode is always one: what was prepared before it was set may have to be prepared again in
// a transaction, whose connection can't be replaced.
class SetNames {
 public:
  void note(std::string_view name);
  [[nodiscard]] const std::vector<std::string>& all() const { return names_; }

 private:
  std::vector<std::string> names_{"sql_mode"};
};

// What one server gives one user, by the collation of the handshake, as the newest connection was told.
class LogonStates {
 public:
  [[nodiscard]] LogonStatePtr find(std::uint8_t collation) const;
  void learn(std::uint8_t collation, LogonStatePtr logon) { known_[collation] = std::move(logon); }
  void forget() { known_.clear(); }

 private:
  std::map<std::uint8_t, LogonStatePtr> known_;
};

}  // namespace sluice::proxy
