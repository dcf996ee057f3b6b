// The character set variables as a connection's handshake left them: what a session that never set any finds there, and
// what must be said again to take a session's SET NAMES back. DEFAULT would give the server's global values instead.
//
// Flow: a backend that has logged on asks `HandshakeCharsets::find`; if nobody knows, it sends `charset_question`, and
// `charset_of_row` reads the answer. `steps_to` (carried_state.hpp) uses it.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace sluice::proxy {

struct HandshakeCharset {
  // As they are said in a SET statement: a quoted name, or NULL.
  std::string client;
  std::string results;
  std::string collation;  // of the connection; its character set follows from it

  bool operator==(const HandshakeCharset&) const = default;
};

using HandshakeCharsetPtr = std::shared_ptr<const HandshakeCharset>;

constexpr std::string_view charset_question =
    "SELECT @@character_set_client, @@character_set_results, @@collation_connection";

// nullptr: not a row of three values that may be said in a statement.
[[nodiscard]] HandshakeCharsetPtr charset_of_row(const std::vector<std::optional<std::string>>& row);

// What one server gives one user, by the collation of the handshake: asked by the first connection, and again after
// one was lost, since the server may have been started anew with other settings.
class HandshakeCharsets {
 public:
  [[nodiscard]] HandshakeCharsetPtr find(std::uint8_t collation) const;
  void learn(std::uint8_t collation, HandshakeCharsetPtr charset) { known_[collation] = std::move(charset); }
  void forget() { known_.clear(); }

 private:
  std::map<std::uint8_t, HandshakeCharsetPtr> known_;
};

}  // namespace sluice::proxy
