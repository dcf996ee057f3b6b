// A prepared statement as the sessions of one worker share it: text, schema, what it does. Interned, so that equal
// texts are one object and a backend can tell by the pointer whether it has the statement prepared already.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "proxy/carried_state.hpp"
#include "router/classify.hpp"
#include "router/digest.hpp"

namespace sluice::proxy {

struct StatementText {
  std::string sql;
  std::string schema;                        // the one selected when it was prepared: names in the text are meant in it
  std::vector<router::Assignment> settings;  // by which it is read: CarriedState::parse_settings at that time
  router::Classification effect;             // its views point into `sql`
  router::Digest shape = 0;
};

using StatementTextPtr = std::shared_ptr<const StatementText>;

// The state in which the text is read as its client meant it, from the one that its session is in.
[[nodiscard]] CarriedState reading_state(const StatementText& text, CarriedState state);

class StatementTexts {
 public:
  // The shared object for this text; classified at its first use.
  [[nodiscard]] StatementTextPtr intern(std::string_view sql, const CarriedState& state,
                                        const router::Dialect& dialect);
  // One that nobody shares: for a client that has the text prepared already, so that cursors and long data of the two
  // don't meet in one statement of the server.
  [[nodiscard]] static StatementTextPtr make(std::string_view sql, const CarriedState& state,
                                             const router::Dialect& dialect);

  [[nodiscard]] std::size_t size() const { return texts_.size(); }

 private:
  void sweep();  // forgets texts that nobody holds any more

  std::unordered_map<std::string, std::weak_ptr<const StatementText>> texts_;  // by dialect, schema, settings and text
  std::size_t sweep_at_ = 1024;
};

}  // namespace sluice::proxy
