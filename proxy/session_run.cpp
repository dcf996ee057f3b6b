// Session: a statement's way from the connection that it got to the end of its answer.
#include <algorithm>

#include "protocol/packet.hpp"
#include "protocol/statement.hpp"
#include "proxy/session.hpp"
#include "proxy/worker.hpp"

namespace sluice::proxy {

using protocol::ByteBuffer;
using protocol::Command;

void Session::got_backend(Backend& backend) {
  backend_ = &backend;
  backend.set_user(this);
  meet_server(backend);
  server_led_ = !on_replica() || (tied() && server_led_);
  if (gate_shut() && barred()) return step_back({});
  if (misplaced()) return leave_server();
  if (diagnostics_spoiled(backend)) return fail_current(diagnostics_gone());
  if (&backend == sequence_backend_ && backend.last_session != session) sequence_backend_ = nullptr;
  backend.last_session = session;
  if (open_data_gone(backend)) return;
  if (kill_would_miss()) return fail_current(unknown_thread(current_.kill->statement.id));
  const auto preparation = preparation_for(backend);
  if (!preparation) return prepare_elsewhere(backend);
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

// This connection can't be brought to the state in which the statement was prepared. Another one may be in it, and a
// new one can be brought to any; one that can't go on from there to the session's state would not help.
void Session::prepare_elsewhere(const Backend& backend) {
  if (tied() || current_.statement == nullptr || current_.reading) return fail_current(settings_gone());
  CarriedState reading = reading_state(*current_.statement, state_);
  if (!backend.steps(reading, state_)) return fail_current(settings_gone());
  current_.reading = std::move(reading);
  go_elsewhere();
}

// Also where the server has it from another client, with that one's parameter types: it would read by them what comes
// from a client that has said none.
bool Session::must_prepare(Backend& backend) {
  if (current_.statement == nullptr || current_.type == Command::stmt_fetch) return false;
  const BackendStatement* known = backend.statements.find(current_.statement.get());
  if (known == nullptr) return true;
  const ClientStatement* statement = statements_.find(current_.statement_id);
  return statement != nullptr && statement->types.empty() && !known->never_bound();
}

// nullopt: the statement can't be prepared here as it was meant.
std::optional<Preparation> Session::preparation_for(Backend& backend) {
  Preparation preparation;
  preparation.target = state_;
  if (current_.login) preparation.target.schema = backend.state.schema;  // the command itself selects it
  if (must_prepare(backend)) {
    preparation.statement = current_.statement;
    const CarriedState reading = reading_state(*current_.statement, state_);
    auto before = backend.steps(backend.state, reading);
    auto after = backend.steps(reading, preparation.target);
    if (!before || !after) return std::nullopt;
    preparation.before = std::move(*before);
    preparation.after = std::move(*after);
    ++worker_.counters().reprepares;
  } else if (!backend.state.same_as(preparation.target)) {
    auto steps = backend.steps(backend.state, preparation.target);
    if (!steps) return std::nullopt;
    preparation.before = std::move(*steps);
  }
  const bool steps = !preparation.before.none() || !preparation.after.none();  // they may warn, too
  const bool own = warned_ != Warned::no && backend.diagnostics_of == session;
  if (shows_warnings() && !own && (backend.diagnostics_of != 0 || steps)) {
    preparation.statement_of_ours = "DO (SELECT 1 FROM (SELECT 1) AS x)";  // without a table, it would leave them
    backend.diagnostics_of = 0;
  }
  if (!insert_id_moved_ && may_touch_insert_id() && backend.insert_id != last_insert_id_) {
    preparation.set_last_insert_id = last_insert_id_;
  }
  return preparation;
}

void Session::on_prepared(Backend& backend) {
  if (stage_ == Stage::reading) return settings_read(backend);
  if (current_.kill != nullptr && current_.kill->asked) return told_whom_to_kill(backend);
  if (insert_id_moved_ && backend.insert_id) {
    insert_id_moved_ = insert_id_lost_ = false;
    last_insert_id_ = *backend.insert_id;
  }
  keep_diagnostics(backend);
  if (giving_back_) {
    hand_back();
    if (stage_ == Stage::preparing) route();  // elsewhere
    return;
  }
  if (stage_ == Stage::preparing && answer_diagnostics()) return;
  if (stage_ == Stage::preparing) got_backend(backend);  // the leader may have changed meanwhile: asked again there
}

void Session::on_prepare_refused(Backend& /*backend*/, const protocol::ErrPacket& error) {
  if (stage_ == Stage::reading) return settings_unreadable();
  const ClientError copy{error.code, std::string(error.sqlstate),
                         std::string(error.message)};  // it lies in the connection
  if (giving_back_) {
    hand_back();
    if (stage_ == Stage::preparing) route();
    return;
  }
  const bool login = current_.login;
  if (ClientStatement* statement = current_.statement ? statements_.find(current_.statement_id) : nullptr) {
    statements_.set_long_data(*statement, false);  // the server does not have it, nor what belongs to it
    statements_.set_cursor(*statement, false);
  }
  if (!tied()) hand_back();
  if (!login) return fail_current(copy);
  ByteBuffer payload;
  protocol::append_err(payload, {copy.code, copy.sqlstate, copy.text});
  login_refused(payload);
}

void Session::send_current() {
  Backend& backend = *backend_;
  if (current_.kill != nullptr && !current_.kill->expression.empty()) return ask_whom_to_kill();
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
  if (!open()) work_since_ms_ = worker_.loop().now_ms();
  stage_ = Stage::running;
  // SET leaves what FOUND_ROWS() gives as it is.
  const bool sets = current_.effect != nullptr && current_.effect->kind == router::StatementKind::set;
  const bool counts_gone = sets && backend.row_counts_gone;
  if (current_.shape) {
    backend.begin_answer(*current_.shape, current_.preparing);
    backend.row_counts_gone = counts_gone;
  }
  if (!current_.command.slice().empty()) {
    backend.send(current_.command.slice());
  } else {
    backend.send_copy(current_.command.packet());
  }
  // Kept only where it may be sent again, and all of it.
  const bool may_be_sent_again = current_.repeatable || may_be_refused();
  if (!may_be_sent_again || transaction_.in_transaction() || current_.streamed) current_.command.clear();
  if (current_.streamed) return stream_body();
  if (current_.silent()) end_statement();
}

// Sees to the parameter types of an execute: a client sends them once, but each server connection must see them.
bool Session::send_execute() {
  ClientStatement* statement = statements_.find(current_.statement_id);
  BackendStatement* known = backend_->statements.find(current_.statement.get());
  if (statement == nullptr || known == nullptr || statement->params == 0) return true;
  const auto header = protocol::parse_execute(current_.command.payload(), statement->params);
  if (!header) return true;
  current_.binds_types = known->bound_types != statement->types;
  if (!current_.binds_types) return true;
  if (!header->types_bound && !insert_types(*header, statement->types)) {
    fail_current(types_missing());
    return false;
  }
  known->bound_types.reset();  // note_effects knows them when the server has accepted them
  return true;
}

// False: it is streamed, and its first packet has no room for them.
bool Session::insert_types(const protocol::ExecuteHeader& header, protocol::Bytes types) {
  const std::size_t length = protocol::read_packet_header(current_.command.packet()).length + types.size();
  if (current_.streamed && length >= protocol::packet_payload_max) return false;
  ByteBuffer payload;
  protocol::append_execute_with_types(payload, current_.command.payload(), header, types);
  ByteBuffer packet;
  protocol::append_packet(packet, 0, payload);
  // What is here of a streamed one is its beginning only.
  if (current_.streamed) protocol::write_packet_header(packet, {static_cast<std::uint32_t>(length), 0});
  current_.command = ClientCommand(std::move(packet));
  return true;
}

void Session::on_answer(Backend& backend, io::Slice bytes) {
  if (current_.login) return;  // our own question
  if (current_.effect != nullptr && current_.effect->sets_global && !backend.answer().error) {
    worker_.shared().global_changes.fetch_add(1, std::memory_order_release);  // before the client knows of it
  }
  worker_.counters().bytes_to_clients += bytes.size();
  channel_.send(std::move(bytes));
  note_queue();
  if (channel_.above_high_water()) backend.pause_receive();
}

void Session::on_answered(Backend& backend) {
  if (stage_ != Stage::running) return;
  const Answer& answer = backend.answer();
  if (answer.withheld) return on_refused();
  if (current_.streamed && reader_.in_body()) {
    // The server answered before it had the whole command (too long for it): it will close; so do we.
    channel_.close_after_send();
    return finish();
  }
  note_transaction(answer);
  if (current_.kill != nullptr) kill_over(answer);
  note_diagnostics(answer);
  if (current_.login) {
    if (answer.error) return login_refused(backend.error_payload());
    state_.schema = current_.schema;
    backend.state.schema = current_.schema;
    hand_back();
    return login_done();
  }
  note_effects(answer);
  if (stage_ == Stage::over) return;
  // A question would take its warnings away: then it ties the session.
  if (!unread_.empty()) return answer.warnings != 0 ? settings_unreadable() : read_settings();
  end_statement();
}

}  // namespace sluice::proxy
