#include "proxy/state/transaction_state.hpp"

namespace sluice::proxy {

using router::StatementKind;
using router::TransactionEffect;
namespace flag = protocol::status;

namespace {

bool is_opaque(const router::Classification& effect) {
  return !effect.replica_safe && (effect.multi || effect.kind == StatementKind::call ||
                                  effect.kind == StatementKind::execute || effect.kind == StatementKind::other);
}

bool ends_transaction(TransactionEffect effect) {
  return effect == TransactionEffect::end || effect == TransactionEffect::end_and_chain ||
         effect == TransactionEffect::implicit_commit;
}

}  // namespace

void TransactionState::apply(const router::Classification* effect, const StatementOutcome& outcome) {
  const TransactionState before = *this;
  if (outcome.status) {
    in_transaction_ = (*outcome.status & (flag::in_transaction | flag::in_transaction_readonly)) != 0;
    if ((*outcome.status & flag::in_transaction_readonly) == 0)
      read_only_ = false;  // BEGIN ends one, and begins another
    unsure_ = may_have_committed_ = false;
  }
  if (outcome.error) {
    note_error(effect, outcome);
  } else if (effect != nullptr && effect->transaction == TransactionEffect::begin_read_only) {
    read_only_ = in_transaction_;
  }
  note_marks(effect, outcome, before);
}

// An error tells no status: what was known before holds on, and what the statement may have changed is in doubt.
void TransactionState::note_error(const router::Classification* effect, const StatementOutcome& outcome) {
  const bool opaque = effect != nullptr && is_opaque(*effect);
  const bool ran = effect == nullptr || !outcome.nothing_ran;
  if (!in_transaction_ && (!outcome.autocommit || (opaque && ran))) unsure_ = true;
  const bool ends = effect != nullptr && effect->transaction != TransactionEffect::none;
  if ((in_transaction_ || unsure_) && ran && (opaque || ends || !outcome.statement_only)) may_have_committed_ = true;
}

// In doubt a mark stays: the connection is kept for longer than it had to be, and nobody else gets what it has.
void TransactionState::note_marks(const router::Classification* effect, const StatementOutcome& outcome,
                                  const TransactionState& before) {
  const bool left = before.in_transaction_ && outcome.status && !in_transaction_;
  const bool said_end = effect != nullptr && !outcome.error &&
                        (ends_transaction(effect->transaction) || (left && effect->kind == StatementKind::xa));
  if (said_end && outcome.status && !in_transaction_) {
    next_set_ = savepoint_ = false;
  } else if (left) {
    next_set_ = next_set_ || before.read_only_;
    savepoint_ = false;
  }
  if (outcome.autocommit) savepoint_ = false;
  if (effect == nullptr || outcome.nothing_ran) return;
  // Of several statements a later one may have ended what an earlier one began.
  const bool began_read_only = effect->multi && effect->transaction == TransactionEffect::begin_read_only;
  next_set_ = next_set_ || effect->sets_next_transaction || (began_read_only && !in_transaction_);
  savepoint_ = savepoint_ || (effect->sets_savepoint && !outcome.autocommit && !in_transaction_);
}

std::string TransactionState::reasons() const {
  std::string reasons;
  const auto add = [&](bool holds, std::string_view reason) {
    if (!holds) return;
    if (!reasons.empty()) reasons += ", ";
    reasons += reason;
  };
  add(in_transaction_, "transaction");
  add(unsure_, "transaction state unknown after an error");
  add(savepoint_, "savepoint");
  add(next_set_, "SET TRANSACTION");
  return reasons;
}

}  // namespace sluice::proxy
