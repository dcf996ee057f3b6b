// Session: what a server refused because it is read-only, and what had no effect for that reason.
// A write, by a leader that was made read-only before we heard of it: it waits for a leader like those that come after
// it, instead of failing between two that succeed.
// What reads as a read, by a replica, because it writes behind a view: it runs on the leader.
// A write in a read only transaction on a replica: the client is told what the leader would say, and nothing that its
// driver takes for a change of leader.
#include "protocol/response.hpp"
#include "proxy/session.hpp"
#include "proxy/worker.hpp"

namespace sluice::proxy {

using router::StatementKind;

namespace {

// ER_OPTION_PREVENTS_STATEMENT stands for several options; the text names the option, in every language of the server.
bool says_read_only(protocol::Bytes error) {
  constexpr std::uint16_t option_prevents_statement = 1290;
  const auto err = protocol::parse_err(error);
  return err && err->code == option_prevents_statement && err->message.find("read-only") != std::string_view::npos;
}

}  // namespace

// One statement that does one thing, with nothing open around it: refused at its start or at its commit, it is rolled
// back as a whole. A procedure or a text of several statements may have done something before it was refused.
bool Session::may_be_refused() const {
  const router::Classification* effect = current_.effect;
  if (effect == nullptr || effect->multi || any(effect->pin) || current_.streamed || !state_.autocommit || bound()) {
    return false;
  }
  switch (effect->kind) {
    case StatementKind::insert:
    case StatementKind::update:
    case StatementKind::delete_:
    case StatementKind::replace:
    case StatementKind::ddl:
    case StatementKind::begin:  // READ WRITE
      return true;
    default:
      return false;
  }
}

bool Session::withholds(const Backend& backend) const {
  if (stage_ != Stage::running || !says_read_only(backend.error_payload())) return false;
  if (in_read_only_transaction_on_replica()) return true;
  const bool may_be_sent_again = current_.tries < tries_max && !current_.command.empty();
  return may_be_sent_again && (may_be_refused() || reads_on_replica());
}

bool Session::on_replica() const { return worker_.snapshot().clusters[account_->cluster].leader != server_; }

bool Session::in_read_only_transaction_on_replica() const {
  return transaction_.read_only() && on_replica() && current_.effect != nullptr && !current_.effect->multi;
}

bool Session::reads_on_replica() const {
  return current_.replica_safe && current_.effect != nullptr && !bound() && on_replica();
}

void Session::on_refused() {
  backend_->diagnostics_of = session;
  warned_ = Warned::yes;
  if (in_read_only_transaction_on_replica()) {
    ClientStatement* statement = current_.statement ? statements_.find(current_.statement_id) : nullptr;
    if (statement != nullptr) note_statement(*statement, backend_->answer());
    send_error(read_only_transaction());
    return end_statement();
  }
  if (reads_on_replica()) return run_on_leader();
  backend_->insert_id.reset();  // an INSERT may have taken one before it was refused
  worker_.on_read_only_leader(account_->cluster, server_);
  pins_ &= ~router::Pin::connection_id;
  step_back("its leader has become read-only");
}

void Session::run_on_leader() {
  ++worker_.counters().reads_redone;
  worker_.refused_reads().add(shape(), worker_.limits().refused_reads_max);
  treat_as_write();
  // An earlier read, or the first result of this text, may have changed something there.
  if (tied() || backend_->answer().state_changed) backend_->tainted = true;
  pins_ = router::Pin::none;
  go_elsewhere();
}

// In its cluster and schema: another's view of that name may be a plain one.
router::Digest Session::shape() const {
  const bool prepared = current_.statement != nullptr;
  const router::Digest text = prepared
                                  ? current_.statement->shape
                                  : router::digest(protocol::as_text(current_.command.payload().subspan(1)), dialect());
  const std::string& schema = prepared ? current_.statement->schema : state_.schema;
  return text ^ (std::hash<std::string>{}(schema) + account_->cluster);
}

// It reads as a read, and did not behave as one before.
bool Session::known_to_write() const {
  return current_.effect != nullptr && current_.effect->replica_safe && !worker_.refused_reads().empty() &&
         worker_.refused_reads().contains(shape());
}

// What it does is out of sight: it may write, and take an insert id.
void Session::treat_as_write() {
  if (current_.effect != &current_.own_effect) current_.own_effect = *current_.effect;
  current_.effect = &current_.own_effect;
  current_.own_effect.replica_safe = false;
  current_.own_effect.calls_stored = true;
  current_.replica_safe = current_.repeatable = false;
}

}  // namespace sluice::proxy
