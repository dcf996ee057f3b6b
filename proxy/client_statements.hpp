// The statements that one client has prepared, by the ids that it was given. The ids are ours: which server knows a
// statement, and by which id, changes from one execution to the next.
#pragma once

#include <cstdint>
#include <unordered_map>
#include <unordered_set>

#include "protocol/bytes.hpp"
#include "proxy/statement_text.hpp"

namespace sluice::proxy {

struct ClientStatement {
  StatementTextPtr text;
  std::uint16_t params = 0;
  // Parameter types as last bound, whatever the server answered: clients send them once, and don't say them again after
  // an error.
  protocol::ByteBuffer types;
  bool long_data = false;     // parts of parameters were sent ahead; see ClientStatements::set_long_data
  bool cursor = false;        // a cursor is open; see ClientStatements::set_cursor
  std::uint32_t open_id = 0;  // the server's statement that the cursor or the long data belong to
  [[nodiscard]] bool open() const { return cursor || long_data; }
};

class ClientStatements {
 public:
  [[nodiscard]] ClientStatement* find(std::uint32_t id) {
    const auto it = by_id_.find(id);
    return it == by_id_.end() ? nullptr : &it->second;
  }
  // The id that the next one added will have. Never 0, never the id that stands for "the last one".
  [[nodiscard]] std::uint32_t next_id() const { return next_id_; }
  // Of the one that the client prepared last; 0 if that failed, or it was closed.
  [[nodiscard]] std::uint32_t last_id() const { return last_id_; }
  void forget_last() { last_id_ = 0; }
  // Whether one of them stands for this very text object.
  [[nodiscard]] bool holds(const StatementText* text) const { return texts_.contains(text); }
  void add(ClientStatement statement) {
    text_bytes_ += statement.text->sql.size();
    texts_.insert(statement.text.get());
    by_id_.emplace(next_id_, std::move(statement));
    last_id_ = next_id_;
    do {
      next_id_ = next_id_ == 0x7fffffff ? 1 : next_id_ + 1;
    } while (by_id_.contains(next_id_));
  }
  void remove(std::uint32_t id) {
    const auto it = by_id_.find(id);
    if (it == by_id_.end()) return;
    text_bytes_ -= it->second.text->sql.size();
    open_ -= it->second.open() ? 1 : 0;
    sent_ahead_ -= it->second.long_data ? 1 : 0;
    texts_.erase(it->second.text.get());
    by_id_.erase(it);
    if (last_id_ == id) last_id_ = 0;
  }
  void clear() {
    by_id_.clear();
    texts_.clear();
    text_bytes_ = 0;
    open_ = sent_ahead_ = 0;
    last_id_ = 0;
  }
  // Neither a cursor is open nor long data waits in any of them.
  [[nodiscard]] bool nothing_open() const { return open_ == 0; }
  void set_cursor(ClientStatement& statement, bool open) { set(statement, statement.cursor, open); }
  void set_long_data(ClientStatement& statement, bool waits) {
    sent_ahead_ -= statement.long_data ? 1 : 0;
    set(statement, statement.long_data, waits);
    sent_ahead_ += statement.long_data ? 1 : 0;
  }
  [[nodiscard]] bool nothing_sent_ahead() const { return sent_ahead_ == 0; }
  // Their connection is gone, and with it cursors and data sent ahead.
  void forget_open() {
    if (open_ == 0) return;
    for (auto& [id, statement] : by_id_) statement.cursor = statement.long_data = false;
    open_ = sent_ahead_ = 0;
  }
  [[nodiscard]] std::size_t size() const { return by_id_.size(); }
  [[nodiscard]] std::size_t text_bytes() const { return text_bytes_; }

 private:
  void set(ClientStatement& statement, bool& flag, bool value) {
    open_ -= statement.open() ? 1 : 0;
    flag = value;
    open_ += statement.open() ? 1 : 0;
  }

  std::unordered_map<std::uint32_t, ClientStatement> by_id_;
  std::unordered_set<const StatementText*> texts_;
  std::uint32_t next_id_ = 1;
  std::uint32_t last_id_ = 0;
  std::size_t text_bytes_ = 0;
  std::size_t open_ = 0;        // those with a cursor or long data
  std::size_t sent_ahead_ = 0;  // those with long data
};

}  // namespace sluice::proxy
