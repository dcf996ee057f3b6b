// Session: which server a statement goes to, and whether the one it got is still right.
#include "proxy/route.hpp"
#include "proxy/session.hpp"
#include "proxy/worker.hpp"

namespace sluice::proxy {

using protocol::Command;
using router::Pin;
using router::StatementKind;
using router::TransactionEffect;

void Session::route() {
  if (current_.kill != nullptr) current_.kill->asked = false;
  if (answer_diagnostics()) return;
  const router::Classification* effect = current_.effect;
  const bool asks_insert_id = effect != nullptr && effect->needs.last_insert_id;
  if (asks_insert_id && insert_id_lost_ && !insert_id_moved_) return fail_current(insert_id_gone());
  if (effect != nullptr && effect->needs.sequence_value && !knows_sequence_value()) {
    return fail_current(sequence_value_gone());
  }
  const bool was_kept = kept;
  if (was_kept) pool_->unkeep(*this);
  if (backend_ != nullptr && !was_kept) return route_attached();
  const bool asks_last = effect != nullptr && (effect->needs.diagnostics || effect->needs.sequence_value);
  if (asks_last && ran_any_ && !shows_no_warnings()) return take_last_backend();
  const auto server = choose();
  if (was_kept && server == server_) return got_backend(*backend_);
  if (!server && gate_shut()) return step_back({});
  if (was_kept) return go_elsewhere();
  const ClusterEntry& cluster = worker_.snapshot().clusters[account_->cluster];
  if (!server) return hold(cluster.leader ? "its leader was just lost or refused a write" : cluster.reason);
  take_from(*server);
}

// The connection at hand, or the last one, is the one that took this session's last value from a sequence.
bool Session::knows_sequence_value() const {
  const Backend* here = backend_ != nullptr ? backend_ : last_backend_;
  return here != nullptr && here == sequence_backend_;
}

std::optional<std::uint32_t> Session::choose() const {
  const ClusterEntry& cluster = worker_.snapshot().clusters[account_->cluster];
  // With autocommit off a read opens a transaction, and what follows in it may write; see select_schema for the other.
  const bool ask_leader = !logon_known_ && !current_.denied;
  const bool may_tie = ask_leader || !state_.autocommit || (selects_schema() && state_.follows_schema()) ||
                       (begins_read_only() && !cluster.read_only_transactions_on_replicas);
  const bool replica_safe = (current_.replica_safe && !may_tie) || shows_no_warnings();
  RouteRequest request{.replica_safe = replica_safe,
                       .leader_closed = gate_shut(),
                       .last_write_ms = last_write_ms_,
                       .turn = worker_.next_turn(),
                       .avoid_until_ms = worker_.avoid_until_ms(account_->cluster),
                       .now_ms = worker_.loop().now_ms()};
  const auto server = choose_server(cluster, request);
  // The leader knows best whether a schema exists, and what a logon gives; while there is none, those who only read
  // still get in.
  request.replica_safe = selects_schema() || (!logon_known_ && current_.replica_safe);
  return server || !request.replica_safe ? server : choose_server(cluster, request);
}

void Session::take_from(std::uint32_t server) {
  server_ = server;
  pool_ = &worker_.pool(account_->cluster, server, user_);
  wanted_state = current_.reading ? &*current_.reading : &state_;
  urgent =
      current_.effect != nullptr && current_.effect->kind == StatementKind::kill;  // those before us may wait for it
  if (Backend* backend = pool_->acquire(*this); backend != nullptr) return got_backend(*backend);
  wait_in_line();
}

// The session has a connection: because it is tied to it, or because it is being given back this moment.
void Session::route_attached() {
  if (backend_->preparing()) {  // its insert id is being read; on_prepared goes on
    // Whoever begins the next transaction at once must not pass those who wait for a connection, nor use on what a KILL
    // may still be on its way to.
    giving_back_ = giving_back_ && (pool_->waiting() > 0 || backend_->tainted);
    stage_ = Stage::preparing;
    return;
  }
  giving_back_ = false;
  got_backend(*backend_);
}

// What begins reading may go on with what only the leader can do, or ties the session to where it is: a lock, a
// variable.
bool Session::begins_read_only() const {
  return current_.effect != nullptr && current_.effect->transaction == TransactionEffect::begin_read_only;
}

bool Session::selects_schema() const {
  const router::Classification* effect = current_.effect;
  if (effect == nullptr) return current_.type == Command::init_db;
  return effect->kind == StatementKind::use && !effect->multi;
}

// The routing table may have changed since this server was chosen, or since the session was tied to it: what may write
// must not run on a server that does not lead.
bool Session::misplaced() const {
  const ClusterEntry& cluster = worker_.snapshot().clusters[account_->cluster];
  if (cluster.leader == server_) return false;
  // Without a leader nothing new starts; what is open goes on.
  if (!cluster.leader && bound()) return false;
  const router::Classification* effect = current_.effect;
  const bool only_reads = current_.replica_safe && !(begins_read_only() && !cluster.read_only_transactions_on_replicas);
  if (current_.replica_safe && bound()) return false;
  if (any(pins_ & Pin::connection_id) && !bound()) return true;  // nothing of the session is there
  if (only_reads && state_.autocommit) return false;
  if (diagnostics_only() || selects_schema()) return false;
  if (!transaction_.read_only()) return true;
  if (effect == nullptr) return false;
  // One lock in a cluster means one server that gives it; and an id that was told is one of the leader's threads.
  if (any(effect->pin & (Pin::user_lock | Pin::connection_id))) return true;
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

// What is left on a server without a word when a statement is for another one. What a read changed on a replica out of
// sight is not worth an error: the client did not ask for it.
Pin Session::light_pins() const {
  constexpr Pin always = Pin::found_rows | Pin::connection_id;
  return server_led_ ? always : always | Pin::hidden_change;
}

// Tied by more than that: what the session has there is needed.
bool Session::bound() const {
  const Pin light = server_led_ ? Pin::connection_id : light_pins();
  return transaction_.ties() || any(pins_ & ~light) || !statements_.nothing_open();
}

// The current statement is for another server. What the session left here is read first; on_prepared goes on.
void Session::go_elsewhere() {
  if (leaves_something()) {
    stage_ = Stage::preparing;
    return read_what_is_left();
  }
  hand_back();
  route();
}

void Session::leave_server() {
  const router::Classification* effect = current_.effect;
  const bool only_readable_ties = (pins_ & ~light_pins()) == Pin::none && statements_.nothing_open();
  if (transaction_.read_only() && effect != nullptr) {
    if (any(effect->pin & Pin::user_lock)) return fail_current(lock_on_replica(backend_->server_name()));
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
  const bool open = transaction_.ties();
  if (open || !only_readable_ties) {
    return lose_backend(server_led_ ? "it does not lead the cluster any more"
                                    : "it is a replica, and this statement is for the leader");
  }
  if (any(pins_ & Pin::hidden_change)) backend_->tainted = true;
  pins_ = Pin::none;
  if (leaves_something() || ++current_.tries < tries_max) return go_elsewhere();
  hand_back();
  hold("its leader is changing");
}

}  // namespace sluice::proxy
