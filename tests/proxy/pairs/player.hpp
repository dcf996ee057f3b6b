// Performs a script as a client, one step at a time, and keeps what was answered, in words.
//
// Flow: `Player player(port, script); player.log_in(…); while (!player.done()) { player.send(); …; player.take(); }`.
// `send` does not wait for the answer, `take` does.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "protocol/auth.hpp"
#include "protocol/bytes.hpp"
#include "protocol/capabilities.hpp"
#include "proxy/pairs/script.hpp"

namespace sluice::proxy {
class RawClient;
}

namespace sluice::test {

class Player {
 public:
  struct Account {
    std::string user;
    std::string password;
  };

  // `script` outlives it.
  Player(std::uint16_t port, const Script& script, Account account);
  // Speaks on the other one's connection, which is logged in, as if it were its own.
  Player(const Player& other, const Script& script);
  Player(const Player&) = delete;
  Player& operator=(const Player&) = delete;
  ~Player();

  // False, and the test fails: the server does not take the client.
  [[nodiscard]] bool log_in();
  [[nodiscard]] bool done() const { return outcomes_.size() == script_.steps.size(); }
  [[nodiscard]] bool waits_for_answer() const { return sent_; }
  [[nodiscard]] bool answer_is_there(int timeout_ms = 0) const;
  // Precondition: not done, nothing is waited for.
  void send();
  // Waits. Afterwards there may be more to wait for: the server may ask before it answers.
  void take();
  void run_all();
  [[nodiscard]] std::uint32_t id() const;  // of the connection
  // One for each step taken.
  [[nodiscard]] const std::vector<std::string>& outcomes() const { return outcomes_; }

 private:
  std::optional<std::string> answer();
  void begin_change_user(const std::string& schema);
  std::optional<std::string> changed_user();
  std::string prepared();
  std::string results(bool binary);
  std::string one_result(bool binary, bool& more);
  [[nodiscard]] std::string end_of(const protocol::ByteBuffer& packet, bool& more) const;

  const Script& script_;
  Account account_;
  protocol::Secret secret_;  // what auth_ proves to know
  std::shared_ptr<proxy::RawClient> client_;
  protocol::Capabilities capabilities_;
  std::unique_ptr<protocol::ClientAuth> auth_;  // while the user is being changed
  std::map<std::string, std::uint32_t> statements_;
  std::vector<std::string> outcomes_;
  bool sent_ = false;
};

}  // namespace sluice::test
