// Session: a statement's way from its route to the end of its answer.
#include <algorithm>

#include "protocol/packet.hpp"
#include "protocol/statement.hpp"
#include "proxy/diagnostics_statement.hpp"
#include "proxy/route.hpp"
#include "proxy/session.hpp"
#include "proxy/worker.hpp"

namespace sluice::proxy {

using protocol::ByteBuffer;
using protocol::Bytes;
using protocol::Command;
using router::Pin;
using router::StatementKind;
using router::TransactionEffect;
namespace flag = protocol::status;

namespace {

// In doubt it does: then this session's reads go to the leader until a replica is known to have it.
bool may_write(const router::Classification& effect) {
  if (effect.replica_safe) return false;
  if (effect.multi) return true;
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
      return false;
    default:
      return true;
  }
}

}  // namespace

void Session::route() {
  if (backend_ != nullptr) return route_attached();
  const ClusterEntry& cluster = worker_.snapshot().clusters[account_->cluster];
  const router::Classification* effect = current_.effect;
  if (effect != nullptr && effect->needs.diagnostics && last_backend_ != nullptr) {
    if (!diagnostics_only() && cluster.leader != last_server_) return fail_current(diagnostics_gone());
    only = last_backend_;
    pool_ = &worker_.pool(account_->cluster, last_server_, user_);
    server_ = last_server_;
    Backend* backend = pool_->acquire(*this);
    only = nullptr;
    if (backend == nullptr) return fail_current(diagnostics_gone());
    return got_backend(*backend);
  }
  // With autocommit off a read opens a transaction, and what follows in it may write.
  const bool begins_read_only = effect != nullptr && effect->transaction == TransactionEffect::begin_read_only;
  const bool replica_safe = state_.autocommit && (current_.replica_safe || begins_read_only);
  RouteRequest request{.replica_safe = replica_safe,
                       .last_write_ms = last_write_ms_,
                       .turn = worker_.next_turn(),
                       .avoid_until_ms = worker_.avoid_until_ms(account_->cluster),
                       .now_ms = worker_.loop().now_ms()};
  auto server = choose_server(cluster, request);
  // The leader knows best whether a schema exists; while there is none, those who only read still get in.
  request.replica_safe = selects_schema();
  if (!server && request.replica_safe) server = choose_server(cluster, request);
  if (!server) return hold(cluster.leader ? "its leader was just lost" : cluster.reason);
  take_from(*server);
}

void Session::take_from(std::uint32_t server) {
  server_ = server;
  pool_ = &worker_.pool(account_->cluster, server, user_);
  if (Backend* backend = pool_->acquire(*this); backend != nullptr) return got_backend(*backend);
  wait_in_line();
}

// The session has a connection: because it is tied to it, or because it is being given back this moment.
void Session::route_attached() {
  giving_back_ = false;
  if (backend_->preparing()) {  // its insert id is being read; on_prepared goes on
    stage_ = Stage::preparing;
    return;
  }
  got_backend(*backend_);
}

bool Session::selects_schema() const {
  const router::Classification* effect = current_.effect;
  if (effect == nullptr) return current_.type == Command::init_db;
  return effect->kind == StatementKind::use && !effect->multi;
}

// It asks what the statement before it left, and does nothing else.
bool Session::diagnostics_only() const {
  const router::Classification* effect = current_.effect;
  if (effect == nullptr || !effect->needs.diagnostics || effect->multi) return false;
  if (effect->kind == StatementKind::show) return true;
  if (effect->kind != StatementKind::select || any(effect->pin)) return false;
  return asks_only_diagnostics(current_.statement != nullptr
                                   ? std::string_view(current_.statement->sql)
                                   : protocol::as_text(current_.command.payload().subspan(1)));
}

// Servers before MySQL 5.7 keep warnings over a SELECT without tables, but not row counts.
bool Session::diagnostics_spoiled(const Backend& backend) const {
  const router::Classification* effect = current_.effect;
  if (effect == nullptr || !effect->needs.diagnostics || !backend.row_counts_gone || tied()) return false;
  const ClusterEntry& cluster = worker_.snapshot().clusters[account_->cluster];
  const bool keeps_warnings = cluster.mariadb || (cluster.version_number != 0 && cluster.version_number < 50700);
  return !keeps_warnings || effect->kind != StatementKind::show;
}

// The routing table may have changed since this server was chosen, or since the session was tied to it: what may write
// must not run on a server that does not lead.
bool Session::misplaced() const {
  const ClusterEntry& cluster = worker_.snapshot().clusters[account_->cluster];
  if (cluster.leader == server_) return false;
  // Without a leader nothing new starts; what is open goes on.
  if (!cluster.leader && tied()) return false;
  const router::Classification* effect = current_.effect;
  const bool begins_read_only = effect != nullptr && effect->transaction == TransactionEffect::begin_read_only;
  if (tied() ? current_.replica_safe : state_.autocommit && (current_.replica_safe || begins_read_only)) return false;
  if (diagnostics_only() || selects_schema()) return false;
  if (!read_only_transaction_) return true;
  if (effect == nullptr || begins_read_only) return false;
  switch (effect->kind) {  // may end the transaction and write after it
    case StatementKind::call:
    case StatementKind::execute:
    case StatementKind::other:
      return true;
    default:
      return effect->multi || effect->transaction == TransactionEffect::begin ||
             effect->transaction == TransactionEffect::implicit_commit;
  }
}

void Session::leave_server() {
  const router::Classification* effect = current_.effect;
  const bool only_readable_ties = (pins_ & ~Pin::found_rows) == Pin::none && statements_.nothing_open();
  if (read_only_transaction_ && effect != nullptr) {
    if (effect->multi || effect->transaction == TransactionEffect::none) {
      return fail_current(opaque_on_replica(backend_->server_name()));
    }
    if (effect->transaction == TransactionEffect::implicit_commit) return fail_current(read_only_transaction());
    if (only_readable_ties) {  // a new transaction ends the old one, which changed nothing
      discard_backend();
      forget_ties();
      return route();
    }
  }
  const bool open = in_transaction_ || transaction_unsure_ || next_transaction_set_;
  if (open || !only_readable_ties) return lose_backend("it does not lead the cluster any more");
  pins_ = Pin::none;
  hand_back();
  route();
}

void Session::got_backend(Backend& backend) {
  backend_ = &backend;
  backend.set_user(this);
  if (misplaced()) return leave_server();
  if (diagnostics_spoiled(backend)) return fail_current(diagnostics_gone());
  backend.last_session = session;
  if (open_data_gone(backend)) return;
  const auto preparation = preparation_for(backend);
  if (!preparation) return fail_current(settings_gone());
  if (preparation->none()) return send_current();
  ++worker_.counters().state_switches;
  stage_ = Stage::preparing;
  backend.prepare(*preparation);
}

// A cursor, or parameter data sent ahead, belongs to one statement of the server: if that was closed meanwhile, or is
// another one, the command must not be sent as if nothing was missing.
bool Session::open_data_gone(Backend& backend) {
  ClientStatement* statement = current_.statement ? statements_.find(current_.statement_id) : nullptr;
  if (statement == nullptr || !statement->open()) return false;
  const BackendStatement* known = backend.statements.find(statement->text.get());
  const bool same = known != nullptr && known->id == statement->open_id;
  if (same || statement->open_id == 0) return false;
  const bool fetch = current_.type == Command::stmt_fetch;
  statements_.set_cursor(*statement, false);
  if (current_.type == Command::stmt_reset) statements_.set_long_data(*statement, false);
  if (fetch) {
    fail_current({1421, "HY000", "The statement (" + std::to_string(current_.statement_id) + ") has no open cursor."});
    return true;
  }
  if (!statement->long_data) return false;
  statements_.set_long_data(*statement, false);
  fail_current(long_data_gone("too many statements were prepared since (limits.statements_per_backend_max)"));
  return true;
}

bool Session::may_touch_insert_id() const {
  const router::Classification* effect = current_.effect;
  if (effect == nullptr) return false;
  if (effect->needs.last_insert_id || effect->multi) return true;
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

// nullopt: the statement can't be prepared here as it was meant.
std::optional<Preparation> Session::preparation_for(Backend& backend) {
  Preparation preparation;
  preparation.target = state_;
  if (current_.login) preparation.target.schema = backend.state.schema;  // the command itself selects it
  if (current_.statement != nullptr && current_.type != Command::stmt_fetch &&
      backend.statements.find(current_.statement.get()) == nullptr) {
    preparation.statement = current_.statement;
    CarriedState reading = state_;  // the state in which the text is read as its client meant it
    if (!current_.statement->schema.empty()) reading.schema = current_.statement->schema;
    if (reading.parse_settings() != current_.statement->settings) {
      reading.replace_parse_settings(current_.statement->settings);
    }
    auto before = steps_to(backend.state, reading);
    auto after = steps_to(reading, preparation.target);
    if (!before || !after) return std::nullopt;
    preparation.before = std::move(*before);
    preparation.after = std::move(*after);
    ++worker_.counters().reprepares;
  } else if (!backend.state.same_as(preparation.target)) {
    auto steps = steps_to(backend.state, preparation.target);
    if (!steps) return std::nullopt;
    preparation.before = std::move(*steps);
  }
  if (!insert_id_moved_ && may_touch_insert_id() && backend.insert_id != last_insert_id_) {
    preparation.set_last_insert_id = last_insert_id_;
  }
  return preparation;
}

void Session::on_prepared(Backend& backend) {
  if (insert_id_moved_) {
    insert_id_moved_ = false;
    last_insert_id_ = backend.insert_id;
  }
  if (giving_back_) return hand_back();
  if (stage_ == Stage::preparing) got_backend(backend);  // the leader may have changed meanwhile: asked again there
}

void Session::on_prepare_refused(Backend& /*backend*/, const protocol::ErrPacket& error) {
  const ByteBuffer text(error.message.begin(), error.message.end());
  const std::string sqlstate(error.sqlstate);
  const protocol::ErrPacket copy{error.code, sqlstate, protocol::as_text(text)};
  if (stage_ != Stage::preparing) {  // while it was being given back
    giving_back_ = insert_id_moved_ = false;
    return hand_back();
  }
  const bool login = current_.login;
  if (ClientStatement* statement = current_.statement ? statements_.find(current_.statement_id) : nullptr) {
    statements_.set_long_data(*statement, false);  // the server does not have it, nor what belongs to it
    statements_.set_cursor(*statement, false);
  }
  if (!tied()) hand_back();
  if (!login && !current_.shape && !current_.streamed) {  // nobody waits for an answer now
    tell_at_next_command({copy.code, copy.sqlstate, std::string(copy.message)});
    return end_statement();
  }
  if (login) {
    send_error_packet(copy);
    channel_.close_after_send();
    return finish();
  }
  send_error_packet(copy);
  if (current_.streamed) {
    channel_.close_after_send();
    return finish();
  }
  end_statement();
}

void Session::send_current() {
  Backend& backend = *backend_;
  ++current_.tries;
  const bool leader = worker_.snapshot().clusters[account_->cluster].leader == server_;
  ++(leader ? worker_.counters().statements_leader : worker_.counters().statements_replica);
  if (current_.statement != nullptr) {
    BackendStatement* known = backend.statements.find(current_.statement.get());
    if (known == nullptr) return fail_current(unknown_statement_id(current_.statement_id, "mysqld_stmt_fetch"));
    if (ClientStatement* statement = statements_.find(current_.statement_id)) statement->open_id = known->id;
    protocol::patch_statement_id(current_.command.mutable_payload(), known->id);
    if (current_.type == Command::stmt_execute && !send_execute()) return;
  }
  stage_ = Stage::running;
  if (current_.shape) backend.begin_answer(*current_.shape, current_.preparing);
  if (!current_.command.slice().empty()) {
    backend.send(current_.command.slice());
  } else {
    backend.send_copy(current_.command.packet());
  }
  // Kept only where it may be sent again.
  if (!current_.repeatable || in_transaction_) current_.command.clear();
  if (current_.streamed) return stream_body();
  if (!current_.shape) end_statement();
}

// Sees to the parameter types of an execute: a client sends them once, but each server connection must see them.
bool Session::send_execute() {
  ClientStatement* statement = statements_.find(current_.statement_id);
  BackendStatement* known = backend_->statements.find(current_.statement.get());
  if (statement == nullptr || known == nullptr || statement->params == 0) return true;
  const auto header = protocol::parse_execute(current_.command.payload(), statement->params);
  if (!header) return true;
  if (!header->types_bound && known->bound_types != statement->types) {
    if (current_.streamed) {
      close_with(types_missing());
      return false;
    }
    ByteBuffer payload;
    protocol::append_execute_with_types(payload, current_.command.payload(), *header, statement->types);
    ByteBuffer packet;
    protocol::append_packet(packet, 0, payload);
    current_.command = ClientCommand(std::move(packet));
  }
  known->bound_types = statement->types;
  return true;
}

// Passes the rest of a long command through, as fast as the server takes it.
void Session::stream_body() {
  while (reader_.in_body()) {
    if (backend_->above_high_water()) {
      channel_.pause_receive();
      return;
    }
    auto piece = reader_.take_body();
    if (piece.empty()) break;
    if (!piece.slice.empty()) {
      backend_->send(std::move(piece.slice));
    } else {
      backend_->send_copy(piece.copied);
    }
  }
  channel_.resume_receive();
  if (reader_.in_body()) return;
  current_.streamed = false;
  if (!current_.shape) end_statement();
}

void Session::on_backend_drained(Backend& /*backend*/) {
  if (stage_ == Stage::running && current_.streamed) stream_body();
}

void Session::on_answer(Backend& backend, io::Slice bytes) {
  if (current_.login) return;  // our own question
  worker_.counters().bytes_to_clients += bytes.size();
  channel_.send(std::move(bytes));
  if (channel_.above_high_water()) backend.pause_receive();
}

void Session::on_answered(Backend& backend) {
  if (stage_ != Stage::running) return;
  const Answer& answer = backend.answer();
  if (current_.streamed && reader_.in_body()) {
    // The server answered before it had the whole command (too long for it): it will close; so do we.
    channel_.close_after_send();
    return finish();
  }
  note_transaction(answer);
  if (current_.login) {
    const bool refused = answer.error;
    state_.schema = current_.schema;
    backend.state.schema = current_.schema;
    if (!refused) {
      hand_back();
      return login_done();
    }
    send_packet(backend.error_payload());
    channel_.close_after_send();
    return finish();
  }
  note_effects(answer);
  if (stage_ == Stage::over) return;
  end_statement();
}

void Session::note_transaction(const Answer& answer) {
  const router::Classification* effect = current_.effect;
  if (answer.status_seen) {
    status_ = answer.status;
    in_transaction_ = (answer.status & (flag::in_transaction | flag::in_transaction_readonly)) != 0;
    if (!in_transaction_) read_only_transaction_ = false;
    transaction_unsure_ = false;
    state_.autocommit = backend_->state.autocommit = (answer.status & flag::autocommit) != 0;
  }
  const bool set_next = effect != nullptr && effect->transaction == TransactionEffect::next_only && !answer.error;
  if (set_next) {
    next_transaction_set_ = true;
  } else if (answer.status_seen && !in_transaction_) {
    next_transaction_set_ = false;
  }
  if (answer.error && !in_transaction_) {
    const bool opaque = effect != nullptr && !effect->replica_safe &&
                        (effect->multi || effect->kind == StatementKind::call ||
                         effect->kind == StatementKind::execute || effect->kind == StatementKind::other);
    transaction_unsure_ = !state_.autocommit || (opaque && !nothing_ran(answer));
  }
  if (!answer.error && effect != nullptr && effect->transaction == TransactionEffect::begin_read_only) {
    read_only_transaction_ = in_transaction_;
  }
}

// The text could not be parsed: no part of it was executed.
bool Session::nothing_ran(const Answer& answer) const {
  constexpr std::uint16_t parse_error = 1064;
  const bool alone = !current_.effect->multi || !protocol::has(capabilities_, protocol::cap::multi_statements);
  return answer.error && answer.error_code == parse_error && alone;
}

void Session::note_effects(const Answer& answer) {
  Backend& backend = *backend_;
  last_backend_ = &backend;
  last_server_ = server_;
  if (current_.type == Command::stmt_prepare) return note_prepared(answer);
  if (ClientStatement* statement = current_.statement ? statements_.find(current_.statement_id) : nullptr) {
    if (current_.type != Command::stmt_fetch) statements_.set_long_data(*statement, false);
    statements_.set_cursor(*statement, current_.type != Command::stmt_reset && !answer.error && answer.cursor);
  }
  if (!answer.error && current_.type == Command::init_db) backend.state.schema = current_.schema;
  // Servers that track the schema have told it in their OK packets, also where a procedure or DROP DATABASE changed it,
  // and before an error in a later statement of the same text.
  state_.schema = backend.state.schema;
  const router::Classification* effect = current_.effect;
  if (effect == nullptr || (current_.type != Command::query && current_.type != Command::stmt_execute)) return;
  if (may_write(*effect)) unstamped_write_ = true;
  if (unstamped_write_ && !in_transaction_) {
    unstamped_write_ = false;
    last_write_ms_ = Worker::steady_now_ms() + 1;
  }
  note_insert_id(answer);
  // A tie holds even after an error: part of the statement may have been executed.
  pins_ &= ~Pin::found_rows;
  if (!nothing_ran(answer)) pins_ |= effect->pin;
  if (answer.error) return;
  pins_ &= ~(effect->unpin & ~effect->pin);
  for (const auto& assignment : effect->assignments) {
    state_.assign(assignment);
    backend.state.assign(assignment);
  }
  if (!current_.schema.empty() && effect->kind == StatementKind::use) {
    state_.schema = backend.state.schema = current_.schema;
  }
  if (effect->transaction == TransactionEffect::end_and_release) {
    backend.tainted = true;
    channel_.close_after_send();
    finish();
  }
}

void Session::note_insert_id(const Answer& answer) {
  const router::Classification& effect = *current_.effect;
  // Nearly always the truth, and all we have if the connection is lost before it was asked for it.
  if (answer.last_insert_id != 0) last_insert_id_ = answer.last_insert_id;
  const bool may_insert = effect.kind == StatementKind::insert || effect.kind == StatementKind::replace ||
                          effect.kind == StatementKind::load_data;
  // RETURNING answers with rows and no id; a statement that failed may have taken an id before it did.
  const bool untold = (may_insert && answer.rows) || (answer.error && may_touch_insert_id());
  if (answer.last_insert_id != 0 || effect.sets_last_insert_id || untold || effect.multi ||
      effect.kind == StatementKind::call || effect.kind == StatementKind::other) {
    insert_id_moved_ = true;
  }
}

void Session::note_prepared(const Answer& answer) {
  if (answer.error || answer.prepared.statement_id == 0) return;
  statements_.add({.text = current_.preparing, .params = answer.prepared.params, .types = {}});
}

void Session::end_statement() {
  current_ = {};
  stage_ = Stage::idle;
  if (backend_ != nullptr && !tied()) give_back();
  if (draining_) drain();
  next_command();
}

bool Session::tied() const {
  return in_transaction_ || transaction_unsure_ || next_transaction_set_ || pins_ != Pin::none ||
         !statements_.nothing_open();
}

std::string Session::tie() const {
  std::string reasons;
  const auto add = [&](std::string_view reason) {
    if (!reasons.empty()) reasons += ", ";
    reasons += reason;
  };
  if (in_transaction_) add("transaction");
  if (transaction_unsure_) add("transaction state unknown after an error");
  if (next_transaction_set_) add("SET TRANSACTION");
  if (pins_ != Pin::none) add(router::to_string(pins_));
  if (!statements_.nothing_open()) add("open cursor or long data");
  return reasons;
}

// Gives the connection back; if LAST_INSERT_ID() may have changed on it, once that was read off.
void Session::give_back() {
  if (giving_back_) return;
  if (!insert_id_moved_) return hand_back();
  giving_back_ = true;
  Preparation preparation;
  preparation.target = backend_->state;
  preparation.read_insert_id = true;
  backend_->prepare(preparation);
}

void Session::hand_back() {
  giving_back_ = insert_id_moved_ = false;
  Backend* backend = std::exchange(backend_, nullptr);
  if (backend == nullptr) return;
  backend->resume_receive();
  pool_->release(*backend);
}

}  // namespace sluice::proxy
