// The statements prepared on one server connection, by text, bounded: the least recently used one is closed first.
#pragma once

#include <cstdint>
#include <list>
#include <optional>
#include <unordered_map>
#include <vector>

#include "protocol/bytes.hpp"
#include "proxy/statement_text.hpp"

namespace sluice::proxy {

struct BackendStatement {
  StatementTextPtr text;
  std::uint32_t id = 0;  // the server's
  // Parameter types that the server remembers from the last execute with some; empty: there was none. nullopt: not
  // known, because other ones came with an execute that it refused or has not answered yet: of those it may have stored
  // all, some or none.
  std::optional<protocol::ByteBuffer> bound_types = protocol::ByteBuffer{};
  [[nodiscard]] bool never_bound() const { return bound_types && bound_types->empty(); }
};

class BackendStatements {
 public:
  // The statement, moved to the young end; nullptr: not prepared here.
  [[nodiscard]] BackendStatement* find(const StatementText* text);

  // Remembers a fresh one. Returns the ids to close on the server: an older twin, or what exceeds `max`.
  [[nodiscard]] std::vector<std::uint32_t> add(StatementTextPtr text, std::uint32_t id, std::size_t max);

  // Forgets it. Returns the id to close on the server; nullopt: it was not prepared here.
  std::optional<std::uint32_t> remove(const StatementText* text);

  [[nodiscard]] std::vector<StatementTextPtr> texts() const;  // the youngest first

  void clear() {
    by_text_.clear();
    by_age_.clear();
  }
  [[nodiscard]] std::size_t size() const { return by_age_.size(); }

 private:
  std::list<BackendStatement> by_age_;  // youngest first
  std::unordered_map<const StatementText*, std::list<BackendStatement>::iterator> by_text_;
};

}  // namespace sluice::proxy
