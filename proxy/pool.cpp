#include "proxy/pool.hpp"

#include <algorithm>
#include <cassert>
#include <utility>

namespace sluice::proxy {

namespace {

// Errors that say "no more connections", not "not you": waiting for one of ours is better than failing.
bool is_connection_limit(std::uint16_t code) {
  return code == 1040 || code == 1203 || code == 1226;  // ER_CON_COUNT_ERROR, ER_TOO_MANY_USER_CONNECTIONS, limit
}

constexpr std::size_t looked_at_max = 32;  // idle connections compared for one session

}  // namespace

Pool::Pool(PoolHost& host, PoolKey key, BackendOptions options, std::uint32_t limit, std::uint32_t idle_max_ms,
           std::uint32_t age_max_ms)
    : host_(host),
      key_(std::move(key)),
      options_(std::move(options)),
      limit_(limit),
      idle_max_ms_(idle_max_ms),
      age_max_ms_(age_max_ms) {}

Pool::~Pool() { host_.loop().cancel_timer(idle_timer_); }

void Pool::set_endpoint(const io::Endpoint& endpoint) {
  if (endpoint == options_.endpoint) return;
  options_.endpoint = endpoint;
  logons_.forget();
}

Backend* Pool::acquire(PoolWaiter& waiter) {
  assert(!waiter.in_line);
  if (waiter.only != nullptr) return pick_only(waiter);
  // Not unfair to those in line: an idle connection that one of them can use was given to it when it became idle.
  if (Backend* backend = pick(waiter); backend != nullptr) return backend;
  waiter.place = waiters_.insert(waiter.urgent ? waiters_.begin() : waiters_.end(), &waiter);
  waiter.in_line = true;
  waiter.passed_by = 0;
  open_for_waiters();
  if (connecting_ < waiters_.size()) call_back_oldest();
  return nullptr;
}

void Pool::cancel(PoolWaiter& waiter) {
  if (!waiter.in_line) return;
  waiters_.erase(waiter.place);
  waiter.in_line = false;
}

bool Pool::keep(PoolWaiter& waiter) {
  assert(!waiter.in_line && !waiter.kept);
  if (!waiters_.empty()) return false;
  waiter.kept_since_ms = host_.loop().now_ms();
  kept_.push_back(&waiter);
  waiter.place = std::prev(kept_.end());
  waiter.kept = true;
  start_idle_timer();
  return true;
}

void Pool::unkeep(PoolWaiter& waiter) {
  if (!waiter.kept) return;
  kept_.erase(waiter.place);
  waiter.kept = false;
}

void Pool::call_back_oldest() {
  if (kept_.empty()) return;
  PoolWaiter& keeper = *kept_.front();
  unkeep(keeper);
  keeper.on_wanted_back();
}

Backend* Pool::pick_only(const PoolWaiter& waiter) {
  for (std::size_t i = 0; i < idle_.size(); ++i) {
    const Backend& backend = *idle_[i];
    if (&backend != waiter.only || backend.tainted || backend.last_session != waiter.session) continue;
    return backend.identity() == waiter.wanted_identity ? take_idle(i) : nullptr;
  }
  return nullptr;
}

Backend* Pool::pick(const PoolWaiter& waiter) {
  // Best: in this state already. Then: one that can be brought to it.
  constexpr std::size_t none = static_cast<std::size_t>(-1);
  std::size_t convertible = none;
  const std::size_t oldest = idle_.size() > looked_at_max ? idle_.size() - looked_at_max : 0;
  for (std::size_t i = idle_.size(); i-- > oldest;) {
    const Backend& backend = *idle_[i];
    if (backend.tainted || backend.opened_at < waiter.logged_on_at) continue;
    if (backend.identity() != waiter.wanted_identity) continue;
    if (backend.state.same_as(*waiter.wanted_state)) return take_idle(i);
    if (convertible == none && backend.steps(backend.state, *waiter.wanted_state)) convertible = i;
  }
  return convertible != none ? take_idle(convertible) : nullptr;
}

Backend* Pool::take_idle(std::size_t index) {
  Backend* backend = idle_[index];
  idle_.erase(idle_.begin() + static_cast<std::ptrdiff_t>(index));
  ++statements_;
  return backend;
}

void Pool::release(Backend& backend) {
  backend.set_user(nullptr);
  note_settings(backend);
  const bool surplus = all_.size() > limit_ && (waiters_.empty() || !waiters_.front()->urgent);
  if (backend.tainted || surplus || too_old(backend)) return discard(backend);
  backend.idle_since_ms = host_.loop().now_ms();
  idle_.push_back(&backend);
  start_idle_timer();
  serve();
}

// So that those opened from now on can be taken back; the ones without are closed when somebody needs them plain.
void Pool::note_settings(const Backend& backend) {
  for (const auto& variable : backend.state.variables()) {
    const bool asked_anyway = CarriedState::comes_from_handshake(variable.name);
    if (!asked_anyway && !backend.knows_value(variable.name)) set_names_.note(variable.name);
  }
}

// Not all that were opened together on the same day.
bool Pool::too_old(const Backend& backend) const {
  if (age_max_ms_ == 0) return false;
  const std::uint64_t spread = std::uint64_t{age_max_ms_} * (backend.thread_id() % 16) / 64;
  return host_.loop().now_ms() - backend.opened_ms >= age_max_ms_ - spread;
}

void Pool::discard(Backend& backend) {
  remove(backend);
  open_for_waiters();
}

void Pool::close_idle() {
  while (!idle_.empty()) remove(*idle_.back());
}

const Backend* Pool::withdraw(std::uint64_t thread_id) {
  const auto it = std::find_if(all_.begin(), all_.end(), [&](const auto& b) { return b->thread_id() == thread_id; });
  if (it == all_.end() || thread_id == 0) return nullptr;  // 0: not greeted yet
  (*it)->tainted = true;
  return it->get();
}

// Whoever gets a connection may give it back at once. One after the other, not one inside the other: lines are long.
void Pool::serve() {
  if (serving_) return;
  serving_ = true;
  for (auto it = waiters_.begin(); it != waiters_.end() && !idle_.empty();) {
    PoolWaiter& waiter = **it;
    Backend* backend = pick(waiter);
    const bool first = it == waiters_.begin();
    if (backend == nullptr) {
      it = first && made_way(waiter) ? waiters_.begin() : std::next(it);
      continue;
    }
    it = waiters_.erase(it);
    waiter.in_line = false;
    if (!first) ++waiters_.front()->passed_by;
    waiter.on_backend_granted(*backend);
    it = waiters_.begin();  // the grant may have changed the line
  }
  serving_ = false;
  if (!waiters_.empty()) open_for_waiters();
}

// Under load no connection is ever left over, and those of one identity would go round among its own sessions: one is
// closed for whoever stands first, once as many have passed it by as there are connections.
bool Pool::made_way(PoolWaiter& first) {
  if (first.passed_by < limit_) return false;
  first.passed_by = 0;
  remove(*idle_.front());
  open(first.wanted_identity);
  return true;
}

void Pool::open_for_waiters() {
  std::size_t wanted = waiters_.size();
  for (auto it = waiters_.begin(); it != waiters_.end() && connecting_ < wanted; ++it) {
    // Those who hold all of them may wait for what only a KILL can end.
    const std::size_t limit = (*it)->urgent ? limit_ + std::size_t{1} : limit_;
    if (all_.size() >= limit) {
      // Idle connections of another identity or in a state that can't be undone make room.
      if (idle_.empty() || connecting_ > 0) return;
      remove(*idle_.front());
    }
    open((*it)->wanted_identity);
  }
}

void Pool::open(const IdentityPtr& identity) {
  all_.push_back(std::make_unique<Backend>(host_.loop(), static_cast<BackendOwner&>(*this), identity, options_));
  all_.back()->opened_at = host_.global_changes();
  ++connecting_;
  host_.count_opened();
  all_.back()->open();
}

void Pool::on_logon(const Backend& backend, LogonStatePtr logon) {
  if (backend.endpoint() != options_.endpoint || backend.opened_at < logons_at_) return;
  if (backend.opened_at > logons_at_) logons_.forget();
  logons_at_ = backend.opened_at;
  logons_.learn(backend.identity()->collation, std::move(logon));
}

void Pool::on_backend_ready(Backend& backend) {
  --connecting_;
  backend.opened_ms = host_.loop().now_ms();
  if (waiters_.empty() && warm_opened(backend)) return;
  tell_warm();
  release(backend);
}

void Pool::on_backend_failed(Backend& backend, std::uint16_t code, std::string_view sqlstate, std::string_view text) {
  --connecting_;
  tell_warm();
  const IdentityPtr identity = backend.identity();
  const std::string state_text(sqlstate);
  const std::string why(text);
  remove(backend);
  const bool suspect = code == 0;
  host_.on_pool_trouble(key_.cluster, key_.server, suspect ? "backend_unreachable" : "backend_login_failed",
                        options_.server_name + ", user '" + key_.user + "': " + why, suspect);
  if (is_connection_limit(code) && total() > connecting_) return make_room();
  deny_all(is_connection_limit(code) ? 0 : code, state_text, why, suspect ? nullptr : identity);
}

// The server gives us no more connections than we have: those that nobody needs make room for who waits. The others
// come back; the wait has its own deadline.
void Pool::make_room() {
  if (waiters_.empty()) return;
  if (idle_.empty()) return call_back_oldest();
  remove(*idle_.front());  // none that a waiter can use: it would have it
  open_for_waiters();
}

void Pool::on_backend_lost(Backend& backend, std::string_view why, bool in_use) {
  host_.on_pool_trouble(key_.cluster, key_.server, "backend_lost", options_.server_name + ": " + std::string(why),
                        true);
  // A server that breaks off in use has most likely broken off all of them; on a dead one a statement is sent in vain.
  if (in_use) close_idle();
  discard(backend);
}

void Pool::remove(Backend& backend) {
  backend.close();
  std::erase(idle_, &backend);
  const auto it = std::find_if(all_.begin(), all_.end(), [&](const auto& b) { return b.get() == &backend; });
  if (it == all_.end()) return;
  host_.bury(std::move(*it));
  all_.erase(it);
}

void Pool::deny_all(std::uint16_t code, const std::string& sqlstate, const std::string& text,
                    const IdentityPtr& identity) {
  std::vector<PoolWaiter*> denied;
  for (auto it = waiters_.begin(); it != waiters_.end();) {
    if (identity != nullptr && (*it)->wanted_identity != identity) {
      ++it;
      continue;
    }
    (*it)->in_line = false;
    denied.push_back(*it);
    it = waiters_.erase(it);
  }
  for (PoolWaiter* waiter : denied) waiter->on_backend_denied(code, sqlstate, text);
}

void Pool::start_idle_timer() {
  if (!idle_timer_.valid()) idle_timer_ = host_.loop().start_timer(idle_max_ms_, *this);
}

void Pool::on_timer(io::TimerId /*timer*/) {
  idle_timer_ = {};
  const std::uint64_t now = host_.loop().now_ms();
  while (!idle_.empty() && idle_.front()->idle_since_ms + idle_max_ms_ <= now) remove(*idle_.front());
  while (!kept_.empty() && kept_.front()->kept_since_ms + idle_max_ms_ <= now) call_back_oldest();
  std::uint64_t oldest = now + 1;
  if (!idle_.empty()) oldest = std::min(oldest, idle_.front()->idle_since_ms);
  if (!kept_.empty()) oldest = std::min(oldest, kept_.front()->kept_since_ms);
  if (oldest > now) return;
  idle_timer_ = host_.loop().start_timer(std::max<std::uint64_t>(oldest + idle_max_ms_ - now, 1000), *this);
}

}  // namespace sluice::proxy
