// Session state that can be said again on another server connection: schema, autocommit, variables set to literals.
// What cannot be said again pins instead (router::Pin).
//
// Flow: a session and a backend each hold a CarriedState; `steps_to(backend, session)` gives the statements that bring
// the backend to the session's state, or says that it can't be done and another connection must be taken.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "proxy/state/logon_state.hpp"
#include "router/classify.hpp"

namespace sluice::proxy {

class CarriedState {
 public:
  std::string schema;  // empty: none selected
  bool autocommit = true;

  // Takes one `SET name = value` over. SET NAMES replaces the character set variables.
  void assign(const router::Assignment& assignment);

  // A connection gets it from its handshake, all of them together: DEFAULT would give the server's global value
  // instead.
  [[nodiscard]] static bool comes_from_handshake(std::string_view name);

  [[nodiscard]] const std::vector<router::Assignment>& variables() const { return variables_; }
  // Equal for states whose variables were set alike; kept up to date by `assign`. 0: none set.
  [[nodiscard]] std::uint64_t fingerprint() const { return fingerprint_; }

  // SET CHARACTER SET took the connection's collation from the selected schema.
  [[nodiscard]] bool follows_schema() const;

  // Those by which the server reads a text (character set, SQL mode): a prepared statement keeps them for good.
  [[nodiscard]] std::vector<router::Assignment> parse_settings() const;
  void replace_parse_settings(const std::vector<router::Assignment>& settings);

  [[nodiscard]] bool same_as(const CarriedState& other) const {
    return fingerprint_ == other.fingerprint_ && autocommit == other.autocommit && schema == other.schema &&
           variables_ == other.variables_;
  }

 private:
  void refresh_fingerprint();

  std::vector<router::Assignment> variables_;  // in the order in which they must be said
  std::uint64_t fingerprint_ = 0;
};

// What to say on a connection in state `from` so that it is in state `to`.
struct StateSteps {
  std::optional<std::string> schema;  // COM_INIT_DB with this name
  bool schema_first = false;          // before the others: one of them takes its value from it
  std::string sets;                   // one `SET a=1, b=DEFAULT` statement; empty: none
  std::string set_names;              // a `SET NAMES …` statement before it; empty: none
  [[nodiscard]] bool none() const { return !schema && sets.empty() && set_names.empty(); }
};

// `logon`, `values`: what the connection started with; nullptr: not known. nullopt: there is no way (a schema can't be
// deselected, nor a character set or another value taken back to one that isn't known).
[[nodiscard]] std::optional<StateSteps> steps_to(const CarriedState& from, const CarriedState& to,
                                                 const LogonState* logon, const LogonValues& values);

}  // namespace sluice::proxy
