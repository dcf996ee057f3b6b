// Session: what an answer changed in it, what ties it to its connection, and giving that back.
#include "proxy/session.hpp"
#include "proxy/state/setting_literal.hpp"
#include "proxy/worker.hpp"

namespace sluice::proxy {

using protocol::Command;
using router::Pin;
using router::StatementKind;
using router::TransactionEffect;
namespace flag = protocol::status;

namespace {

// In doubt it does: then this session's reads go to the leader until a replica is known to have it.
bool may_write(const router::Classification& effect) {
  if (effect.replica_safe) return false;
  if (effect.multi || effect.calls_stored) return true;
  switch (effect.kind) {
    case StatementKind::empty:
    case StatementKind::set:
    case StatementKind::use:
    case StatementKind::begin:
    case StatementKind::commit:
    case StatementKind::rollback:
    case StatementKind::savepoint:
    case StatementKind::show:
    case StatementKind::explain:
    case StatementKind::prepare:
    case StatementKind::deallocate:
    case StatementKind::unlock_tables:
    case StatementKind::kill:
      return false;
    default:
      return true;
  }
}

// The classes of SQLSTATE whose errors take back their own statement only: data, constraints, syntax and names, SIGNAL
// (ISO 9075-2, table "SQLSTATE class and subclass codes"). Deadlocks are of class 40; lock waits and others have none.
bool of_statement_only(protocol::Bytes error_payload) {
  const auto error = protocol::parse_err(error_payload);
  if (!error) return false;
  const std::string_view sqlstate_class = error->sqlstate.substr(0, 2);
  return sqlstate_class == "22" || sqlstate_class == "23" || sqlstate_class == "42" || sqlstate_class == "45";
}

// Whether the statement's text says what it changes; of all else that changes something, a trigger or a stored function
// behind a view did it. Servers report no locks, and these ties don't last.
bool says_what_it_changes(const router::Classification& effect) {
  constexpr Pin passing = Pin::found_rows | Pin::user_lock | Pin::table_lock | Pin::xa | Pin::connection_id;
  return any(effect.pin & ~passing) || (effect.tells_changes && !effect.multi);
}

}  // namespace

bool Session::may_touch_insert_id() const {
  const router::Classification* effect = current_.effect;
  if (effect == nullptr) return false;
  if (effect->needs.last_insert_id || effect->multi || effect->calls_stored) return true;
  switch (effect->kind) {
    case StatementKind::insert:
    case StatementKind::replace:
    case StatementKind::update:
    case StatementKind::load_data:
    case StatementKind::call:
    case StatementKind::do_:
    case StatementKind::execute:
    case StatementKind::other:
      return true;
    default:
      return effect->sets_last_insert_id;
  }
}

void Session::note_transaction(const Answer& answer) {
  StatementOutcome outcome;
  if (answer.status_seen) {
    status_ = static_cast<protocol::StatusFlags>(answer.status & ~flag::of_one_result);
    status_known_ = true;
    state_.autocommit = backend_->state.autocommit = (answer.status & flag::autocommit) != 0;
    outcome.status = answer.status;
  }
  outcome.error = answer.error;
  outcome.nothing_ran = current_.effect != nullptr && nothing_ran(answer);
  outcome.statement_only = answer.error && of_statement_only(backend_->error_payload());
  outcome.autocommit = state_.autocommit;
  transaction_.apply(current_.effect, outcome);
}

// The text could not be parsed: no part of it was executed.
bool Session::nothing_ran(const Answer& answer) const {
  constexpr std::uint16_t parse_error = 1064;
  const bool alone = !current_.effect->multi || !protocol::has(capabilities_, protocol::cap::multi_statements);
  return answer.error && answer.error_code == parse_error && alone;
}

void Session::note_effects(const Answer& answer) {
  Backend& backend = *backend_;
  ran_any_ = true;
  last_backend_ = &backend;
  last_server_ = server_;
  if (current_.type == Command::stmt_prepare) return note_prepared(answer);
  if (ClientStatement* statement = current_.statement ? statements_.find(current_.statement_id) : nullptr) {
    note_statement(*statement, answer);
  }
  if (!answer.error && current_.type == Command::init_db) backend.state.schema = current_.schema;
  // Servers that track the schema have told it in their OK packets, also where a procedure or DROP DATABASE changed it,
  // and before an error in a later statement of the same text.
  select_schema(backend.state.schema);
  const router::Classification* effect = current_.effect;
  if (effect == nullptr || (current_.type != Command::query && current_.type != Command::stmt_execute)) return;
  if (may_write(*effect)) unstamped_write_ = true;
  if (unstamped_write_ && !transaction_.in_transaction()) {
    unstamped_write_ = false;
    last_write_ms_ = Worker::steady_now_ms() + 1;
  }
  note_insert_id(answer);
  note_sequence(*effect);
  // A tie holds even after an error: part of the statement may have been executed.
  pins_ &= ~Pin::found_rows;
  // SET is all or nothing: after an error there is nothing to read.
  const Pin made = answer.error ? effect->pin & ~Pin::unread_setting : effect->pin;
  if (!nothing_ran(answer)) pins_ |= made;
  if (answer.state_changed && !says_what_it_changes(*effect)) note_hidden_change();
  if (answer.error) return;
  pins_ &= ~(effect->unpin & ~effect->pin);
  if (effect->sets_autocommit_on || effect->sets_autocommit_off) logon_known_ = true;  // the client's word counts now
  for (const auto& assignment : effect->assignments) note_assignment(assignment);
  unread_ = effect->read_backs;
  if (!current_.schema.empty() && effect->kind == StatementKind::use) {
    backend.state.schema = current_.schema;
    select_schema(current_.schema);
  }
  if (effect->transaction == TransactionEffect::end_and_release) {
    backend.tainted = true;
    channel_.close_after_send();
    finish();
  }
}

void Session::note_assignment(const router::Assignment& assignment) {
  state_.assign(assignment);
  backend_->state.assign(assignment);
}

// A read may have done it on a replica: next time it goes to the leader, where the session's writes can follow.
void Session::note_hidden_change() {
  pins_ |= Pin::hidden_change;
  const bool text_known = current_.statement != nullptr || !current_.command.empty();
  if (on_replica() && text_known) worker_.refused_reads().add(shape(), worker_.limits().refused_reads_max);
}

void Session::note_statement(ClientStatement& statement, const Answer& answer) {
  // Long data that a server refuses spoils the statement there until it is reset, and what it has of it may be kept.
  const bool spoiled = answer.error && statement.long_data && current_.type == Command::stmt_execute;
  if (spoiled) backend_->close_statement(statement.text.get());
  if (current_.type != Command::stmt_fetch) statements_.set_long_data(statement, false);
  statements_.set_cursor(statement, current_.type != Command::stmt_reset && !answer.error && answer.cursor);
  BackendStatement* known = backend_->statements.find(statement.text.get());
  if (known != nullptr && current_.binds_types && !answer.error) known->bound_types = statement.types;
}

void Session::note_insert_id(const Answer& answer) {
  if (nothing_ran(answer)) return;
  const router::Classification& effect = *current_.effect;
  const bool may_insert = effect.kind == StatementKind::insert || effect.kind == StatementKind::replace ||
                          effect.kind == StatementKind::load_data;
  // RETURNING answers with rows and no id; a statement that failed may have taken an id before it did.
  const bool untold = (may_insert && answer.rows) || (answer.error && may_touch_insert_id());
  if (answer.last_insert_id != 0 || effect.sets_last_insert_id || untold || effect.multi ||
      effect.kind == StatementKind::call || effect.kind == StatementKind::other) {
    insert_id_moved_ = true;
    backend_->insert_id.reset();  // what was known of it is not true any more
  }
}

// A collation that came from the schema before this one can't be said again.
void Session::select_schema(const std::string& name) {
  if (state_.schema == name) return;
  if (state_.follows_schema()) pins_ |= Pin::unknown_setting;
  state_.schema = name;
}

// An INSERT may take a value, too, as a column's default; that doesn't count once NEXTVAL was seen.
void Session::note_sequence(const router::Classification& effect) {
  const bool may_take = may_touch_insert_id() && effect.kind != StatementKind::select;
  if (!effect.takes_sequence_value && (sequence_taken_ || !may_take)) return;
  sequence_taken_ = effect.takes_sequence_value;
  sequence_backend_ = backend_;
}

void Session::note_prepared(const Answer& answer) {
  if (answer.error || answer.prepared.statement_id == 0) return;
  statements_.add({.text = current_.preparing, .params = answer.prepared.params, .types = {}});
}

namespace {

// LIMIT: sql_select_limit may be 0, and doesn't count then.
std::string values_of(const std::vector<std::string>& names) {
  std::string sql;
  for (const auto& name : names) sql += (sql.empty() ? "SELECT @@session." : ", @@session.") + name;
  return sql + " LIMIT 1";
}

}  // namespace

// At once, and before the next command is looked at: what that means, and under which settings it would have to be
// prepared elsewhere, hangs on it.
void Session::read_settings() {
  stage_ = Stage::reading;
  current_ = {};
  Preparation preparation;
  preparation.target = backend_->state;
  preparation.question = values_of(unread_);
  backend_->prepare(preparation);
}

void Session::settings_read(Backend& backend) {
  const auto values = std::exchange(backend.answer_row, {});
  if (values.size() != unread_.size()) return settings_unreadable();
  for (std::size_t i = 0; i < values.size(); ++i) {
    const auto literal = setting_literal(values[i]);
    if (!literal) return settings_unreadable();
    note_assignment({unread_[i], *literal});
  }
  pins_ &= ~Pin::unread_setting;
  unread_.clear();
  end_statement();
}

void Session::settings_unreadable() {
  pins_ = (pins_ & ~Pin::unread_setting) | Pin::unknown_setting;
  unread_.clear();
  end_statement();
}

void Session::end_statement() {
  current_ = {};
  stage_ = Stage::idle;
  if (backend_ != nullptr && !tied()) give_back();
  settle();
  if (draining_) drain();
  next_command();
}

bool Session::tied() const { return transaction_.ties() || pins_ != Pin::none || !statements_.nothing_open(); }

std::string Session::tie() const {
  std::string reasons = transaction_.reasons();
  const auto add = [&](std::string_view reason) {
    if (!reasons.empty()) reasons += ", ";
    reasons += reason;
  };
  if (pins_ != Pin::none) add(router::to_string(pins_));
  if (!statements_.nothing_open()) add("open cursor or long data");
  return reasons;
}

// Gives the connection back. If LAST_INSERT_ID() may have changed on it, or the last statement has warned, that must be
// read first, which costs a request and what ROW_COUNT() gave: the connection is kept until somebody else needs it, and
// most often none does before this session's next statement.
void Session::give_back() {
  if (giving_back_ || kept) return;
  if (!leaves_something()) return hand_back();
  if (!backend_->tainted && pool_->keep(*this)) return;
  read_what_is_left();
}

void Session::on_wanted_back() { read_what_is_left(); }

// on_prepared gives the connection back.
void Session::read_what_is_left() {
  giving_back_ = true;
  Preparation preparation;
  preparation.target = backend_->state;
  preparation.read_insert_id = insert_id_moved_;
  preparation.read_diagnostics = diagnostics_left_;
  backend_->prepare(preparation);
}

void Session::hand_back() {
  if (kept) pool_->unkeep(*this);
  Backend* backend = std::exchange(backend_, nullptr);
  if (backend != nullptr && insert_id_moved_) backend->insert_id.reset();
  what_is_left_is_lost();
  if (backend == nullptr) return;
  backend->resume_receive();
  pool_->release(*backend);
  settle();
}

// The client goes, or forgets all that it set: closing the connection is what ends an open transaction for certain.
void Session::let_go() {
  if (kept) return hand_back();
  if (backend_ == nullptr) return;
  if (backend_->answering()) worker_.end_on_server(*pool_, *backend_, ServerKill::What::connection);
  discard_backend();
}

// The connection goes; if its insert id was not read, what this session's is stays unknown until it gets another.
void Session::what_is_left_is_lost() {
  insert_id_lost_ = insert_id_lost_ || insert_id_moved_;
  giving_back_ = insert_id_moved_ = diagnostics_left_ = false;
}

}  // namespace sluice::proxy
