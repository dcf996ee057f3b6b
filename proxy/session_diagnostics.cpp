// Session: what the last statement left on its connection: warnings and row counts.
#include "proxy/diagnostics_statement.hpp"
#include "proxy/session.hpp"
#include "proxy/worker.hpp"

namespace sluice::proxy {

using router::StatementKind;

namespace {

bool asks_diagnostics(const router::Classification* effect) { return effect != nullptr && effect->needs.diagnostics; }

// Without a table a statement leaves them as they were, on servers before MySQL 5.7.
bool clears_warnings(const router::Classification* effect) {
  if (effect == nullptr || effect->multi) return false;
  switch (effect->kind) {
    case StatementKind::select:
      return effect->reads_tables;
    case StatementKind::insert:
    case StatementKind::replace:
    case StatementKind::update:
    case StatementKind::delete_:
      return true;
    default:
      return false;
  }
}

}  // namespace

std::string_view Session::current_sql() const {
  if (current_.statement != nullptr) return current_.statement->sql;
  return protocol::as_text(current_.command.payload().subspan(1));
}

// Warnings stay until the next statement that is not about them.
void Session::note_diagnostics(const Answer& answer) {
  const bool left = answer.error || answer.warnings != 0;
  const bool may_be_left = left || answer.warned;  // by an earlier result
  if (!may_be_left && asks_diagnostics(current_.effect)) return;
  if (may_be_left) backend_->diagnostics_of = session;
  if (left) {
    warned_ = Warned::yes;
  } else if (may_be_left || warned_ != Warned::no) {
    warned_ = clears_warnings(current_.effect) ? Warned::no : Warned::unsure;
  }
  diagnostics_left_ = may_be_left && worker_.limits().diagnostics_per_client_max > 0;
}

void Session::forget_diagnostics() {
  diagnostics_left_ = false;
  kept_diagnostics_.reset();
}

void Session::keep_diagnostics(Backend& backend) {
  auto read = std::exchange(backend.diagnostics_read, {});
  if (read == nullptr || !diagnostics_left_) return;  // another statement was sent meanwhile
  diagnostics_left_ = false;
  if (read->complete() && read->bytes() <= worker_.limits().diagnostics_per_client_max) {
    kept_diagnostics_ = std::move(read);
  }
}

// True: the current statement was answered with what was kept.
bool Session::answer_diagnostics() {
  if (!asks_diagnostics(current_.effect)) {
    forget_diagnostics();
    return false;
  }
  if (current_.effect->multi) kept_diagnostics_.reset();  // it may leave others, and may leave those on its connection
  const bool text = current_.type == protocol::Command::query && !current_.streamed;
  if (kept_diagnostics_ == nullptr || !text) return false;
  const auto question = diagnostics_question(current_sql());
  if (!question) return false;
  const auto packets = kept_diagnostics_->answer(*question, capabilities_, status_);
  if (!packets) return false;
  worker_.counters().bytes_to_clients += packets->size();
  channel_.send_copy(*packets);
  note_queue();
  end_statement();
  return true;
}

// For a statement that asks what the one before it left: only the connection on which that ran can answer.
void Session::take_last_backend() {
  if (backend_ != nullptr) return got_backend(*backend_);
  const ClusterEntry& cluster = worker_.snapshot().clusters[account_->cluster];
  if (!diagnostics_only() && cluster.leader != last_server_) return fail_current(diagnostics_gone());
  Backend* backend = last_backend_ == nullptr ? nullptr : last_backend();
  if (backend == nullptr) return fail_current(diagnostics_gone());
  got_backend(*backend);
}

// nullptr: another session had it since.
Backend* Session::last_backend() {
  only = last_backend_;
  pool_ = &worker_.pool(account_->cluster, last_server_, user_);
  server_ = last_server_;
  Backend* backend = pool_->acquire(*this);
  only = nullptr;
  return backend;
}

// There are none to show, which any connection can say.
bool Session::shows_no_warnings() const {
  const router::Classification* effect = current_.effect;
  const bool shows = asks_diagnostics(effect) && effect->kind == StatementKind::show && !effect->multi;
  return shows && warned_ == Warned::no;
}

// It asks what the statement before it left, and does nothing else.
bool Session::diagnostics_only() const {
  const router::Classification* effect = current_.effect;
  if (!asks_diagnostics(effect) || effect->multi) return false;
  if (effect->kind == StatementKind::show) return true;
  if (effect->kind != StatementKind::select || any(effect->pin)) return false;
  return asks_only_diagnostics(current_sql());
}

// SHOW WARNINGS, SHOW ERRORS, SHOW COUNT(*) …, GET DIAGNOSTICS.
bool Session::shows_warnings() const {
  const router::Classification* effect = current_.effect;
  if (!asks_diagnostics(effect)) return false;
  return effect->multi || effect->kind == StatementKind::show || effect->kind == StatementKind::other;
}

// Servers before MySQL 5.7 keep warnings over a SELECT without tables, but not row counts.
bool Session::diagnostics_spoiled(const Backend& backend) const {
  if (!asks_diagnostics(current_.effect) || !backend.row_counts_gone || tied() || shows_no_warnings()) return false;
  const ClusterEntry& cluster = worker_.snapshot().clusters[account_->cluster];
  const bool keeps_warnings = cluster.mariadb || (cluster.version_number != 0 && cluster.version_number < 50700);
  return !keeps_warnings || current_.effect->kind != StatementKind::show;
}

}  // namespace sluice::proxy
