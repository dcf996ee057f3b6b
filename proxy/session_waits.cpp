// Session: waiting for a server or a connection, and losing one.
#include <algorithm>

#include "proxy/session.hpp"
#include "proxy/worker.hpp"

namespace sluice::proxy {

using protocol::Command;
using router::Pin;
using router::StatementKind;
using router::TransactionEffect;

void Session::start_deadline(std::uint64_t ms) {
  worker_.loop().cancel_timer(deadline_);
  deadline_ = worker_.loop().start_timer(ms, *this);
}

void Session::on_timer(io::TimerId timer) {
  if (timer == ended_deadline_) return finish();
  deadline_ = {};
  const Limits& limits = worker_.limits();
  switch (stage_) {
    case Stage::login:
      return drop_handshake("no login within " + std::to_string(limits.login_timeout_ms) +
                            " ms (limits.login_timeout_ms)");
    case Stage::idle:
    case Stage::dropping:
      worker_.event(Severity::info, "client_idle", "client " + peer_ + " was silent for limits.client_idle_max_ms");
      return finish();
    case Stage::waiting:
      ++worker_.counters().pool_wait_timeouts;
      return fail_current(
          pool_timeout(worker_.snapshot().clusters[account_->cluster].servers[server_].name, limits.pool_wait_max_ms));
    case Stage::holding:
      ++worker_.counters().hold_timeouts;
      return fail_current(
          hold_timeout(worker_.snapshot().clusters[account_->cluster].name, hold_reason_, limits.hold_max_ms));
    case Stage::preparing:
    case Stage::running:
    case Stage::reading:
    case Stage::over:
      break;
  }
}

void Session::wait_in_line() {
  waiting_since_ = ++worker_.counters().pool_waits;
  stage_ = Stage::waiting;
  current_.command.move_to_own_memory();
  start_deadline(worker_.limits().pool_wait_max_ms);
}

void Session::hold(std::string_view why) {
  const std::uint64_t now = worker_.loop().now_ms();
  if (current_.held_until_ms == 0) {
    ++worker_.counters().statements_held;
    current_.held_until_ms = now + worker_.limits().hold_max_ms;
  }
  const bool at_gate = gate_shut();
  hold_reason_ = at_gate ? "its gate is closed for a change of leader" : why;
  stage_ = Stage::holding;
  current_.command.move_to_own_memory();
  if (!gate_->add(*this, at_gate)) {
    return fail_current(hold_full(worker_.snapshot().clusters[account_->cluster].name, hold_reason_));
  }
  start_deadline(current_.held_until_ms > now ? current_.held_until_ms - now : 0);
}

void Session::retry_held() {
  if (stage_ != Stage::holding) return;
  if (gate_shut() && (backend_ != nullptr || !choose())) return;  // keeps its place
  stop_waiting();
  route();
}

void Session::stop_waiting() {
  if (stage_ == Stage::waiting && pool_ != nullptr) pool_->cancel(*this);
  if (stage_ == Stage::holding) gate_->remove(*this);
  worker_.loop().cancel_timer(deadline_);
  deadline_ = {};
}

// The current command ends with an error of ours; it was not sent, or its outcome is told by the error.
void Session::fail_current(const ClientError& error) {
  stop_waiting();
  if (current_.login) return close_with(error);
  if (current_.streamed) return refuse_long(error);
  if (!current_.silent()) {
    send_error(error);
  } else {
    if (ClientStatement* statement = statements_.find(current_.statement_id)) {
      statements_.set_long_data(*statement, false);
    }
    tell_at_next_command(error);
  }
  end_statement();
}

// Where the client awaits no answer now: the command after this one fails instead of running without what was lost.
void Session::tell_at_next_command(const ClientError& error) {
  lost_error_ = error;
  lost_ = error.text;
}

void Session::on_backend_granted(Backend& backend) {
  worker_.loop().cancel_timer(deadline_);
  deadline_ = {};
  got_backend(backend);
}

void Session::on_backend_denied(std::uint16_t code, std::string_view sqlstate, std::string_view text) {
  worker_.loop().cancel_timer(deadline_);
  deadline_ = {};
  if (code != 0) return fail_current({code, std::string(sqlstate), std::string(text)});
  current_.denied = true;
  if (++current_.tries < tries_max) return route();
  hold(text);
}

void Session::on_backend_lost(Backend& backend, std::string_view why) {
  const Answer answer = backend.answer();
  backend_ = nullptr;
  if (kept) pool_->unkeep(*this);
  what_is_left_is_lost();
  const std::string& server = backend.server_name();
  pins_ &= ~Pin::connection_id;  // who has seen it lost nothing else
  const bool was_tied = tied();
  const Loss loss = what_is_lost(server, why);
  forget_ties();
  settle();
  switch (stage_) {
    case Stage::idle:
    case Stage::dropping:
    case Stage::waiting:  // for the answer to a KILL
      if (!was_tied) return;
      count_loss(loss);
      return tell_at_next_command(loss.error);
    case Stage::preparing:
      if (was_tied) {
        count_loss(loss);
        return fail_current(loss.error);
      }
      if (++current_.tries < tries_max) return route();
      return hold(why);
    case Stage::holding:  // at a closed gate
      if (!was_tied) return;
      count_loss(loss);
      return fail_current(loss.error);
    case Stage::reading:  // always tied, by what is not read yet
      count_loss(loss);
      tell_at_next_command(loss.error);
      return end_statement();
    case Stage::running:
      return lost_while_running(loss, server, why, answer.started, was_tied);
    case Stage::login:
    case Stage::over:
      break;
  }
}

bool Session::waits_for_silent_server() const {
  if (backend_ == nullptr || tied() || current_.streamed || current_.tries >= tries_max) return false;
  if (!worker_.snapshot().clusters[account_->cluster].servers[server_].silent) return false;
  if (stage_ == Stage::preparing) return true;  // the statement was not sent
  return stage_ == Stage::running && current_.repeatable && !current_.command.empty() && !backend_->answer().started;
}

void Session::ask_elsewhere() {
  if (!waits_for_silent_server()) return;
  if (stage_ == Stage::running) ++worker_.counters().retries;
  discard_backend();
  ++current_.tries;
  route();
}

// The retry contract: what was sent and provably had no effect is sent again; else the client is told which it is.
void Session::lost_while_running(const Loss& loss, const std::string& server, std::string_view why, bool answer_started,
                                 bool was_tied) {
  if (answer_started && !current_.login) {  // half an answer is with the client: only the end is honest
    if (loss.transaction) {
      count_loss(loss);
    } else if (!current_.repeatable) {
      ++worker_.counters().outcome_unknown;
    }
    return finish();
  }
  if (current_.repeatable && !was_tied && !current_.streamed && !current_.command.empty() &&
      current_.tries < tries_max) {
    ++worker_.counters().retries;
    return route();
  }
  if (current_.repeatable && !current_.streamed) {
    if (loss.transaction) {
      count_loss(loss);
      return fail_current(loss.error);
    }
    return fail_current(was_tied ? session_lost(server, "its state", why) : read_lost(server, why));
  }
  const router::Classification* effect = current_.effect;
  const bool may_commit = effect == nullptr || effect->multi || effect->kind == StatementKind::call ||
                          effect->kind == StatementKind::execute || effect->kind == StatementKind::other ||
                          effect->sets_autocommit_on ||
                          (effect->transaction != TransactionEffect::none && effect->kind != StatementKind::rollback);
  if (loss.transaction && !loss.doubtful && !may_commit) {
    count_loss(loss);
    return fail_current(loss.error);
  }
  ++worker_.counters().outcome_unknown;
  // Whoever looks whether it took effect must not be told by a replica that has not heard of it yet.
  last_write_ms_ = std::max(last_write_ms_, Worker::steady_now_ms() + 1);
  worker_.event(Severity::error, "outcome_unknown", "user '" + user_ + "' from " + peer_ + " on " + server);
  fail_current(loss.doubtful ? loss.error : outcome_unknown(server, why));
}

Session::Loss Session::what_is_lost(std::string_view server, std::string_view why) const {
  if (!transaction_.open()) return {session_lost(server, tie(), why), false, false};
  if (transaction_.may_have_committed()) return {transaction_unknown(server, why), true, true};
  return {transaction_lost(server, why), true, false};
}

void Session::count_loss(const Loss& loss) {
  if (!loss.transaction) return;
  ++(loss.doubtful ? worker_.counters().outcome_unknown : worker_.counters().transactions_lost);
  // Whoever looks whether it took effect must not be told by a replica that has not heard of it yet.
  if (loss.doubtful) last_write_ms_ = std::max(last_write_ms_, Worker::steady_now_ms() + 1);
}

void Session::forget_ties() {
  pins_ = Pin::none;
  unread_.clear();
  transaction_.forget();
  status_ &= static_cast<protocol::StatusFlags>(
      ~(protocol::status::in_transaction | protocol::status::in_transaction_readonly));
  statements_.forget_open();
  if (last_backend_ != nullptr && backend_ == nullptr) last_backend_ = nullptr;
  if (sequence_backend_ != nullptr && backend_ == nullptr) sequence_backend_ = nullptr;
}

// We give the connection up ourselves, before the current command is sent on it.
void Session::lose_backend(std::string_view why) {
  const std::string server = backend_->server_name();
  const Loss loss = what_is_lost(server, why);
  discard_backend();
  forget_ties();
  count_loss(loss);
  fail_current(loss.error);
}

void Session::discard_backend() {
  if (kept) pool_->unkeep(*this);
  Backend* backend = std::exchange(backend_, nullptr);
  what_is_left_is_lost();
  if (backend == nullptr) return;
  backend->set_user(nullptr);
  pool_->discard(*backend);
  settle();
}

}  // namespace sluice::proxy
