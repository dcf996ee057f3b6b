// A prepared statement as the sessions of one worker share it: text, schema, what it does. Interned, so that equal
// texts are one object and a backend can tell by the pointer whether it has the statement prepared already.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>

#include "router/classify.hpp"

namespace sluice::proxy {

struct StatementText {
  std::string sql;
  std::string schema;             // the one selected when it was prepared: names in the text are meant in it
  router::Classification effect;  // its views point into `sql`
};

using StatementTextPtr = std::shared_ptr<const StatementText>;

class StatementTexts {
 public:
  // The shared object for this text; classified at its first use.
  [[nodiscard]] StatementTextPtr intern(std::string_view sql, std::string_view schema, const router::Dialect& dialect);

 private:
  void sweep();  // forgets texts that nobody holds any more

  std::unordered_map<std::string, std::weak_ptr<const StatementText>> texts_;  // by dialect, schema and text
  std::size_t sweep_at_ = 1024;
};

}  // namespace sluice::proxy
