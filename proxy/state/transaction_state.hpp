// What is known of a session's transaction, from its statements and from what the server told of them. Pure.
//
// Flow: `apply(effect, outcome)` after each answer; `ties()` says whether the server connection must be kept for it,
// and `reasons()` for what. `forget()`: the connection is gone, or the session begins anew.
//
// Sources: MySQL 5.6 Reference Manual, "SET TRANSACTION Syntax", "SAVEPOINT, ROLLBACK TO SAVEPOINT, and RELEASE
// SAVEPOINT Syntax"; where they are silent, what MariaDB 10.11 and MySQL 5.6 did.
#pragma once

#include <optional>
#include <string>

#include "protocol/status.hpp"
#include "router/classify.hpp"

namespace sluice::proxy {

struct StatementOutcome {
  std::optional<protocol::StatusFlags> status;  // of its last OK or EOF; none: it is an error and nothing else
  bool error = false;
  bool nothing_ran = false;     // the text could not be parsed
  bool statement_only = false;  // an error that takes back its own statement, and leaves a transaction open
  bool autocommit = true;       // in the session, after it
};

class TransactionState {
 public:
  // `effect`: null if nothing is known of the statement.
  void apply(const router::Classification* effect, const StatementOutcome& outcome);
  void forget() { *this = {}; }

  [[nodiscard]] bool in_transaction() const { return in_transaction_; }
  [[nodiscard]] bool read_only() const { return read_only_; }  // START TRANSACTION READ ONLY
  // Something is open that the loss of the connection would take back, or an error hid whether it is.
  [[nodiscard]] bool open() const { return in_transaction_ || unsure_ || savepoint_; }
  // An error hid whether what was open ended, so that each statement since commits itself.
  [[nodiscard]] bool may_have_committed() const { return may_have_committed_; }

  [[nodiscard]] bool ties() const { return open() || next_set_; }
  [[nodiscard]] std::string reasons() const;  // "transaction, SET TRANSACTION"; empty: it doesn't tie

 private:
  void note_error(const router::Classification* effect, const StatementOutcome& outcome);
  void note_marks(const router::Classification* effect, const StatementOutcome& outcome,
                  const TransactionState& before);

  bool in_transaction_ = false;
  bool read_only_ = false;
  bool unsure_ = false;
  bool may_have_committed_ = false;
  // SET TRANSACTION waits for the next one. It outlives errors, and statements that use no table; whether one did, an
  // answer doesn't tell. It also outlives a transaction that ends otherwise than by COMMIT, ROLLBACK and their like, as
  // by SET autocommit=1: the next one is then as that one was, also where START TRANSACTION READ ONLY began it.
  bool next_set_ = false;
  // With autocommit off a savepoint may be set before anything is read or written. The server doesn't count that as a
  // transaction.
  bool savepoint_ = false;
};

}  // namespace sluice::proxy
