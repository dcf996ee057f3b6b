// Session: what it does while its cluster's gate is closed. The rules stand in gate.hpp.
#include "proxy/session.hpp"
#include "proxy/worker.hpp"

namespace sluice::proxy {

using protocol::Command;
using router::Pin;

namespace {

// These keep others, and who makes a server read-only, waiting on the server for as long as they are held.
constexpr Pin locks = Pin::table_lock | Pin::xa;

}  // namespace

// Something on its connection must come to its end there.
bool Session::open() const { return transaction_.open() || any(pins_ & locks) || !statements_.nothing_sent_ahead(); }

// One statement in autocommit mode that opens nothing: it is over when it is answered. Not so ALTER TABLE and its like,
// which may take long.
bool Session::ends_by_itself() const {
  if (current_.type == Command::stmt_prepare || current_.type == Command::init_db) return true;
  const router::Classification* effect = current_.effect;
  if (effect == nullptr || effect->multi || any(effect->pin) || current_.streamed || !state_.autocommit) return false;
  switch (effect->kind) {
    case router::StatementKind::select:
    case router::StatementKind::insert:
    case router::StatementKind::update:
    case router::StatementKind::delete_:
    case router::StatementKind::replace:
      return true;
    default:
      return false;
  }
}

std::optional<Session::Work> Session::open_work() const {
  if (backend_ == nullptr || kept || !gate_->drains(server_)) return std::nullopt;
  if (!open() && stage_ != Stage::running && stage_ != Stage::reading) return std::nullopt;
  Work work;
  work.since_ms = work_since_ms_;
  if (transaction_.open()) {
    work.kind = OpenWork::Kind::transaction;
  } else {
    work.kind = any(pins_ & locks) ? OpenWork::Kind::lock : OpenWork::Kind::statement;
  }
  return work;
}

void Session::settle() {
  if (gate_entry.counted && !open_work()) gate_->on_settled(*this);
}

// The gate is shut, and the current statement would start something new on the connection that it has.
bool Session::barred() const {
  const ClusterEntry& cluster = worker_.snapshot().clusters[account_->cluster];
  const bool leads = cluster.leader == server_;
  if ((!leads && !gate_->drains(server_)) || open()) return false;
  // It led when the gate was closed, and is a replica by now.
  const bool reads = current_.replica_safe && state_.autocommit && !tied();
  if (!leads && reads && cluster.servers[server_].replica_usable) return false;
  if (current_.type == Command::stmt_fetch || current_.type == Command::stmt_reset) return false;
  return !diagnostics_only();
}

// Holds the statement without a connection, unless something ties the session to the one that it has. What
// LAST_INSERT_ID() gives on it is read first.
void Session::step_back(std::string_view why) {
  if (backend_ != nullptr && !tied()) {
    if (leaves_something()) {
      read_what_is_left();
    } else {
      hand_back();
    }
  }
  hold(why);
}

std::optional<std::uint64_t> Session::in_line_since() const {
  if (!in_line || !gate_->drains(server_)) return std::nullopt;
  return waiting_since_;
}

void Session::leave_line() {
  if (!in_line) return;
  stop_waiting();
  route();
}

void Session::pass_gate() {
  stop_waiting();
  current_.passed = gate_->number();
  route();
}

Session::Cut Session::cut(std::uint32_t server) {
  if (backend_ == nullptr || server_ != server) return Cut::nothing;
  const bool may_write = stage_ == Stage::running && !current_.replica_safe;
  if (!tied() && !may_write) return Cut::nothing;
  Backend& backend = *backend_;  // lives on until this turn is over
  const bool ended = !backend.answering() || worker_.end_on_server(*pool_, backend, ServerKill::What::connection);
  backend.set_user(nullptr);
  pool_->discard(backend);
  on_backend_lost(backend, "it does not lead the cluster any more");
  return ended ? Cut::ended : Cut::still_runs;
}

}  // namespace sluice::proxy
