#include "proxy/gate.hpp"

#include <algorithm>
#include <utility>
#include <vector>

#include "proxy/session.hpp"
#include "proxy/worker.hpp"

namespace sluice::proxy {

namespace {

constexpr std::uint32_t retry_ms = 100;  // a leader that refused is asked again this often

DrainAnswer interrupted(std::string by) {
  return {.drained = false, .interrupted = std::move(by), .server = {}, .open = {}};
}

}  // namespace

Gate::~Gate() {
  for (const io::TimerId timer : {retry_, batch_, budget_}) worker_.loop().cancel_timer(timer);
}

bool Gate::add(Session& session, bool at_gate) {
  if (worker_.statements_waiting() >= worker_.limits().hold_clients_max) return false;
  waiting_.push_back(&session);
  session.gate_entry = {.place = std::prev(waiting_.end()),
                        .waits = true,
                        .at_gate = at_gate,
                        .counted = session.gate_entry.counted,
                        .since_ms = worker_.loop().now_ms()};
  if (at_gate) {
    ++at_gate_;
    ++worker_.counters().statements_held_by_gate;
  }
  if (!retry_.valid()) retry_ = worker_.loop().start_timer(retry_ms, *this);
  return true;
}

void Gate::remove(Session& session) {
  GateEntry& entry = session.gate_entry;
  if (!entry.waits) return;
  waiting_.erase(entry.place);
  entry.waits = false;
  if (!std::exchange(entry.at_gate, false)) return;
  --at_gate_;
  longest_ms_ = std::max(longest_ms_, worker_.loop().now_ms() - entry.since_ms);
}

void Gate::on_snapshot(const ClusterEntry& cluster) {
  if (cluster.leader) leader_ = cluster.leader;
  try_again();
}

// Each in its order. Who waits for the gate only passes it to a replica; `let_go` lets the others go.
void Gate::try_again() {
  std::vector<std::uint32_t> ids;
  ids.reserve(waiting_.size());
  for (const Session* session : waiting_) ids.push_back(session->id());
  for (const std::uint32_t id : ids) {
    if (Session* session = worker_.find(id)) session->retry_held();
  }
}

void Gate::on_timer(io::TimerId timer) {
  if (timer == retry_) {
    retry_ = {};
    try_again();
    if (!waiting_.empty() && !retry_.valid()) retry_ = worker_.loop().start_timer(retry_ms, *this);
  } else if (timer == batch_) {
    batch_ = {};
    let_go();
  } else if (timer == budget_) {
    budget_ = {};
    answer_drain(DrainAnswer{.drained = false, .interrupted = {}, .server = {}, .open = open_work()});
  }
}

void Gate::settle(std::uint32_t budget_ms, std::function<void(DrainAnswer)> done) {
  shut(GateState::settling, budget_ms, std::move(done));
}

void Gate::close(std::uint32_t budget_ms, std::function<void(DrainAnswer)> done) {
  shut(GateState::closed, budget_ms, std::move(done));
}

void Gate::shut(GateState state, std::uint32_t budget_ms, std::function<void(DrainAnswer)> done) {
  answer_drain(interrupted("a newer order to close the gate took its place"));
  if (state_ == GateState::open || state_ == GateState::opening) {
    closed_since_ms_ = worker_.loop().now_ms();
    if (worker_.index() == 0) ++worker_.counters().gates_closed;  // all workers close it, it is one gate
  }
  worker_.loop().cancel_timer(std::exchange(batch_, {}));
  state_ = state;
  ++number_;
  server_ = leader_;
  for (Session* session : waiting_) {  // for a leader: from now on for the gate
    if (!std::exchange(session->gate_entry.at_gate, true)) ++at_gate_;
  }
  on_drained_ = std::move(done);
  count_open();
  answer_if_done();
  if (on_drained_) budget_ = worker_.loop().start_timer(budget_ms, *this);
}

// And who stands in line for a connection to the leader waits here from now on, before all that come.
void Gate::count_open() {
  open_ = 0;
  std::vector<std::pair<std::uint64_t, std::uint32_t>> in_line;
  for (const std::uint32_t id : worker_.session_ids()) {
    Session& session = *worker_.find(id);
    if (!session.belongs_to(*this)) continue;
    const auto work = session.open_work();
    session.gate_entry.counted = work && (!settling() || work->kind != OpenWork::Kind::statement);
    open_ += session.gate_entry.counted ? 1 : 0;
    if (const auto since = session.in_line_since()) in_line.emplace_back(*since, id);
  }
  std::sort(in_line.begin(), in_line.end());
  for (const auto& [since, id] : in_line) {
    if (Session* session = worker_.find(id)) session->leave_line();
  }
}

void Gate::on_settled(Session& session) {
  if (!std::exchange(session.gate_entry.counted, false)) return;
  --open_;
  answer_if_done();
}

bool Gate::drained() const { return open_ == 0 && (!server_ || worker_.kills_on(cluster_, *server_) == 0); }

OpenWork Gate::open_work() const {
  OpenWork open;
  open.seen_ms = worker_.loop().now_ms();
  for (const std::uint32_t id : worker_.session_ids()) {
    const Session& session = *worker_.find(id);
    if (!session.belongs_to(*this)) continue;
    if (const auto work = session.open_work()) open.add(id, work->kind, work->since_ms);
  }
  if (server_) open.kills = worker_.kills_on(cluster_, *server_);
  return open;
}

void Gate::answer_if_done() {
  if (on_drained_ && drained()) answer_drain({.drained = true, .interrupted = {}, .server = {}, .open = {}});
  if (on_cut_ && worker_.kills_on(cluster_, cut_server_) == 0) answer_cut(std::exchange(cut_, {}));
}

void Gate::answer_drain(DrainAnswer answer) {
  worker_.loop().cancel_timer(std::exchange(budget_, {}));
  const auto done = std::exchange(on_drained_, nullptr);
  if (!done) return;
  if (server_) answer.server = worker_.snapshot().clusters[cluster_].servers[*server_].name;
  done(std::move(answer));
}

void Gate::answer_cut(CutAnswer answer) {
  if (const auto done = std::exchange(on_cut_, nullptr)) done(std::move(answer));
}

void Gate::open() {
  answer_drain(interrupted("the gate was opened"));
  if (state_ == GateState::open || state_ == GateState::opening) return;
  state_ = GateState::opening;
  server_ = leader_;
  let_go();
}

// One batch; those who find no leader wait on as if there had never been a gate.
void Gate::let_go() {
  for (std::uint32_t n = 0; n < worker_.limits().release_batch_max && at_gate_ > 0; ++n) waiting_.front()->pass_gate();
  if (at_gate_ == 0) {
    state_ = GateState::open;
  } else {
    batch_ = worker_.loop().start_timer(0, *this);
  }
}

void Gate::cut(std::uint32_t server, std::function<void(CutAnswer)> done) {
  CutAnswer superseded;
  superseded.interrupted = "a newer order to cut took its place";
  answer_cut(std::move(superseded));
  cut_ = {};
  cut_server_ = server;
  for (const std::uint32_t id : worker_.session_ids()) {
    Session* session = worker_.find(id);
    if (session == nullptr || !session->belongs_to(*this)) continue;
    const auto result = session->cut(server);
    cut_.sessions += result == Session::Cut::nothing ? 0 : 1;
    cut_.running += result == Session::Cut::still_runs ? 1 : 0;
  }
  worker_.close_idle(cluster_, server);
  on_cut_ = std::move(done);
  answer_if_done();
}

GateRow Gate::row() const {
  GateRow row;
  row.cluster = worker_.snapshot().clusters[cluster_].name;
  row.state = state_;
  row.waiting = waiting_.size();
  const bool is_shut = state_ == GateState::closed || settling();
  row.open = is_shut ? open_ : 0;
  row.closed_ms = is_shut ? worker_.loop().now_ms() - closed_since_ms_ : 0;
  return row;
}

}  // namespace sluice::proxy
