#include "proxy/worker.hpp"

#include <netdb.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <system_error>
#include <utility>

#include "proxy/countdown.hpp"

namespace sluice::proxy {

struct Worker::Listener final : io::AcceptHandler {
  Listener(Worker& w, bool is_unix) : worker(w), unix_socket(is_unix) {}
  void on_accepted(int fd) override { worker.accepted(fd, unix_socket); }
  void on_accept_failed(int error) override { worker.accept_failed(error); }

  Worker& worker;
  bool unix_socket;
  io::ListenerId id;
};

namespace {

constexpr std::uint64_t avoid_ms = 250;        // a server that failed us is left alone this long
constexpr std::size_t identities_max = 4'096;  // before unused ones are forgotten

// A client's socket on its way to another worker, which may end before it looks into its mailbox.
class Handover {
 public:
  explicit Handover(int fd) : fd_(fd) {}
  ~Handover() {
    if (fd_ >= 0) ::close(fd_);
  }
  Handover(const Handover&) = delete;
  Handover& operator=(const Handover&) = delete;
  [[nodiscard]] int take() { return std::exchange(fd_, -1); }

 private:
  int fd_;
};

std::string peer_name(int fd, bool unix_socket) {
  if (unix_socket) return "unix";
  sockaddr_storage address{};
  socklen_t length = sizeof address;
  if (getpeername(fd, reinterpret_cast<sockaddr*>(&address), &length) != 0) return "unknown:0";
  char host[NI_MAXHOST];
  char port[NI_MAXSERV];
  if (getnameinfo(reinterpret_cast<sockaddr*>(&address), length, host, sizeof host, port, sizeof port,
                  NI_NUMERICHOST | NI_NUMERICSERV) != 0) {
    return "unknown:0";
  }
  return std::string(host) + ":" + port;
}

}  // namespace

Worker::Worker(const WorkerShared& shared, std::uint32_t index, std::unique_ptr<io::Loop> loop, SnapshotPtr snapshot)
    : shared_(shared), index_(index), loop_(std::move(loop)), ids_(index, shared.workers) {
  loop_->set_wake_handler(*this);
  set_snapshot(std::move(snapshot));
}

Worker::~Worker() {
  // Sessions give their connections back as they go, so they go first; then pools; then what was waiting to be buried.
  for (auto& [id, session] : sessions_) dead_sessions_.push_back(std::move(session));
  sessions_.clear();
  for (auto& session : dead_sessions_) session->abandon();
  kills_.clear();
  dead_kills_.clear();
  pools_.clear();
  dead_sessions_.clear();
  dead_backends_.clear();
}

bool Worker::post(std::function<void(Worker&)> task) {
  {
    const std::lock_guard lock(mailbox_mutex_);
    if (mailbox_.size() >= mailbox_max) return false;
    mailbox_.push_back(std::move(task));
  }
  loop_->wake();
  return true;
}

void Worker::post_always(std::function<void(Worker&)> task) {
  {
    const std::lock_guard lock(mailbox_mutex_);
    mailbox_.push_back(std::move(task));
  }
  loop_->wake();
}

std::uint64_t Worker::steady_now_ms() {
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<std::uint64_t>(now.tv_sec) * 1000 + static_cast<std::uint64_t>(now.tv_nsec) / 1'000'000;
}

void Worker::on_wake() {
  std::vector<std::function<void(Worker&)>> tasks;
  {
    const std::lock_guard lock(mailbox_mutex_);
    tasks.swap(mailbox_);
  }
  for (auto& task : tasks) task(*this);
}

void Worker::listen(int fd, bool unix_socket) {
  listeners_.push_back(std::make_unique<Listener>(*this, unix_socket));
  listeners_.back()->id = loop_->listen(fd, *listeners_.back());
}

void Worker::run() { loop_->run(); }

void Worker::stop() {
  stopping_ = true;
  loop_->stop();
}

void Worker::accepted(int fd, bool unix_socket) {
  // By chance one listening socket gets more than its share, and its worker's clients would wait for each other.
  const std::uint32_t home = home_for_client();
  shared_.clients_of[home].fetch_add(1, std::memory_order_relaxed);
  if (home == index_) return adopt(fd, unix_socket);
  const auto socket = std::make_shared<Handover>(fd);
  if (shared_.post(home, [socket, unix_socket](Worker& worker) { worker.adopt(socket->take(), unix_socket); })) return;
  shared_.clients_of[home].fetch_sub(1, std::memory_order_relaxed);
  shared_.clients_of[index_].fetch_add(1, std::memory_order_relaxed);
  adopt(socket->take(), unix_socket);
}

std::uint32_t Worker::home_for_client() const {
  const auto& clients = shared_.clients_of;
  const auto fewest = std::min_element(clients.begin(), clients.end(), [](const auto& a, const auto& b) {
    return a.load(std::memory_order_relaxed) < b.load(std::memory_order_relaxed);
  });
  const bool worth_a_move =
      fewest->load(std::memory_order_relaxed) + 1 < clients[index_].load(std::memory_order_relaxed);
  return worth_a_move ? static_cast<std::uint32_t>(fewest - clients.begin()) : index_;
}

void Worker::adopt(int fd, bool unix_socket) {
  const bool full = shared_.clients.fetch_add(1, std::memory_order_relaxed) >= limits().clients_max;
  const std::uint32_t id = ids_.next([this](std::uint32_t taken) { return sessions_.contains(taken); });
  auto session = std::make_unique<Session>(*this, id, unix_socket, peer_name(fd, unix_socket));
  Session& made = *session;
  sessions_.emplace(id, std::move(session));
  if (full) {
    ++counters_.clients_refused;
    made.refuse(fd, too_many_clients());
  } else if (draining_) {
    made.refuse(fd, shutting_down());
  } else {
    ++counters_.clients_accepted;
    made.start(fd);
  }
}

void Worker::accept_failed(int error) {
  event(Severity::error, "accept_failed", std::error_code(error, std::generic_category()).message());
}

void Worker::set_snapshot(SnapshotPtr snapshot) {
  const SnapshotPtr before = std::exchange(snapshot_, std::move(snapshot));
  avoid_until_ms_.resize(snapshot_->clusters.size());
  for (std::size_t c = 0; c < snapshot_->clusters.size(); ++c) {
    avoid_until_ms_[c].resize(snapshot_->clusters[c].servers.size());
    // Whoever made it the leader knows better than our last failed attempt.
    const auto leader = snapshot_->clusters[c].leader;
    const bool changed = before == nullptr || c >= before->clusters.size() || before->clusters[c].leader != leader;
    if (leader && changed) avoid_until_ms_[c][*leader] = 0;
    if (c == gates_.size()) gates_.push_back(std::make_unique<Gate>(*this, static_cast<std::uint32_t>(c)));
  }
  for (auto& [key, pool] : pools_) pool->set_endpoint(snapshot_->clusters[key.cluster].servers[key.server].endpoint);
  leave_silent_servers();
  for (std::size_t c = 0; c < gates_.size(); ++c) gates_[c]->on_snapshot(snapshot_->clusters[c]);
}

// A server that hangs keeps its connections open: what it was asked would wait for as long as it hangs.
void Worker::leave_silent_servers() {
  std::vector<std::uint32_t> ids;
  for (const auto& [id, session] : sessions_) {
    if (session->waits_for_silent_server()) ids.push_back(id);
  }
  for (const std::uint32_t id : ids) {
    if (Session* session = find(id); session != nullptr) session->ask_elsewhere();
  }
}

Pool& Worker::pool(std::uint32_t cluster, std::uint32_t server, const std::string& user) {
  auto& slot = pools_[PoolKey{cluster, server, user}];
  if (slot == nullptr) {
    const ServerEntry& entry = snapshot_->clusters[cluster].servers[server];
    const ProxyOptions& options = shared_.options;
    BackendOptions backend{.server_name = entry.name,
                           .endpoint = entry.endpoint,
                           .tls_mode = options.backend_tls_mode,
                           .tls = options.backend_tls.get(),
                           .rsa = options.backend_rsa,
                           .connect_timeout_ms = limits().backend_connect_timeout_ms,
                           .statements_max = limits().statements_per_backend_max};
    const std::uint32_t limit = std::max(1U, limits().backend_connections_max / shared_.workers);
    slot = std::make_unique<Pool>(static_cast<PoolHost&>(*this), PoolKey{cluster, server, user}, std::move(backend),
                                  limit, limits().backend_idle_max_ms, limits().backend_age_max_ms);
  }
  return *slot;
}

LogonStatePtr Worker::known_logon(std::uint32_t cluster, const std::string& user, std::uint8_t collation) const {
  const auto& leader = snapshot_->clusters[cluster].leader;
  if (!leader) return nullptr;
  const auto pool = pools_.find(PoolKey{cluster, *leader, user});
  return pool == pools_.end() ? nullptr : pool->second->logon(collation);
}

IdentityPtr Worker::intern(BackendIdentity identity) {
  std::string key = identity.user + '\0' + std::to_string(identity.cluster) + '\0' + std::to_string(identity.features) +
                    '\0' + std::to_string(identity.collation) + '\0';
  key += identity.secret.password.value_or("") + '\0';
  if (identity.secret.native_stage1) {
    key.append(reinterpret_cast<const char*>(identity.secret.native_stage1->data()),
               identity.secret.native_stage1->size());
  }
  auto& slot = identities_[key];
  if (slot == nullptr) slot = std::make_shared<const BackendIdentity>(std::move(identity));
  IdentityPtr result = slot;
  if (identities_.size() > identities_max) {
    std::erase_if(identities_, [](const auto& entry) { return entry.second.use_count() == 1; });
  }
  return result;
}

std::span<const std::uint64_t> Worker::avoid_until_ms(std::uint32_t cluster) const { return avoid_until_ms_[cluster]; }

void Worker::event(Severity severity, std::string_view kind, std::string text) const {
  if (shared_.options.on_event) shared_.options.on_event({severity, std::string(kind), std::move(text)});
}

std::size_t Worker::statements_waiting() const {
  std::size_t sum = 0;
  for (const auto& gate : gates_) sum += gate->waiting();
  return sum;
}

void Worker::on_timer(io::TimerId timer) {
  if (timer == burial_) {
    burial_ = {};
    // Destruction may bury more; that waits for the next turn.
    const auto sessions = std::exchange(dead_sessions_, {});
    const auto kills = std::exchange(dead_kills_, {});
    const auto backends = std::exchange(dead_backends_, {});
    drained_if_empty();
  } else if (timer == relief_) {
    relief_ = {};
    shed_stalled_clients();
    relieve_memory();
  } else if (timer == drain_deadline_) {
    drain_deadline_ = {};
    for (const std::uint32_t id : session_ids()) {
      if (Session* session = find(id)) session->end(shutting_down());
    }
  }
}

void Worker::schedule_burial() {
  if (!burial_.valid()) burial_ = loop_->start_timer(0, *this);
}

void Worker::bury(std::unique_ptr<Backend> backend) {
  dead_backends_.push_back(std::move(backend));
  schedule_burial();
}

void Worker::bury_session(Session& session) {
  const auto it = sessions_.find(session.id());
  if (it == sessions_.end()) return;
  dead_sessions_.push_back(std::move(it->second));
  sessions_.erase(it);
  shared_.clients.fetch_sub(1, std::memory_order_relaxed);
  shared_.clients_of[index_].fetch_sub(1, std::memory_order_relaxed);
  schedule_burial();
}

void Worker::on_pool_trouble(std::uint32_t cluster, std::uint32_t server, std::string_view kind, std::string_view text,
                             bool suspect) {
  ++(kind == "backend_login_failed" ? counters_.backend_logins_failed : counters_.backends_lost);
  event(Severity::warning, kind, std::string(text));
  if (!suspect) return;
  if (kind == "backend_unreachable") avoid_until_ms_[cluster][server] = loop_->now_ms() + avoid_ms;
  if (shared_.options.on_suspect) shared_.options.on_suspect(cluster, server);
}

void Worker::on_read_only_leader(std::uint32_t cluster, std::uint32_t server) {
  ++counters_.read_only_refusals;
  avoid_until_ms_[cluster][server] = loop_->now_ms() + avoid_ms;
  if (shared_.options.on_suspect) shared_.options.on_suspect(cluster, server);
}

Session* Worker::find(std::uint32_t id) {
  const auto it = sessions_.find(id);
  return it == sessions_.end() ? nullptr : it->second.get();
}

std::vector<std::uint32_t> Worker::session_ids() const {
  std::vector<std::uint32_t> ids;
  ids.reserve(sessions_.size());
  for (const auto& [id, session] : sessions_) ids.push_back(id);
  return ids;
}

bool Worker::end_on_server(Pool& pool, const Backend& victim, ServerKill::What what) {
  if (kills_.size() >= limits().server_kills_max) {
    ++counters_.server_kills_skipped;
    return false;
  }
  ++counters_.server_kills;
  const auto over = [this](ServerKill& kill) {
    const auto it = std::find_if(kills_.begin(), kills_.end(), [&](const auto& k) { return k.get() == &kill; });
    if (it == kills_.end()) return;
    dead_kills_.push_back(std::move(*it));
    kills_.erase(it);
    schedule_burial();
    gates_[kill.pool().key().cluster]->on_kill_over();
  };
  kills_.push_back(std::make_unique<ServerKill>(*loop_, pool, victim, what, over));
  kills_.back()->start(limits().backend_connect_timeout_ms);
  return true;
}

std::uint32_t Worker::kills_on(std::uint32_t cluster, std::uint32_t server) const {
  return static_cast<std::uint32_t>(std::count_if(kills_.begin(), kills_.end(), [&](const auto& kill) {
    return kill->pool().key().cluster == cluster && kill->pool().key().server == server;
  }));
}

void Worker::close_idle(std::uint32_t cluster, std::uint32_t server) {
  for (auto& [key, pool] : pools_) {
    if (key.cluster == cluster && key.server == server) pool->close_idle();
  }
}

void Worker::warm(std::uint32_t cluster, std::uint32_t like, std::uint32_t server, const std::function<void()>& done) {
  std::vector<const Pool*> patterns;
  for (const auto& [key, pool] : pools_) {
    if (key.cluster == cluster && key.server == like) patterns.push_back(pool.get());
  }
  const Countdown one_less(patterns.size() + 1, done);
  for (const Pool* pattern : patterns) pool(cluster, server, pattern->key().user).warm_like(*pattern, one_less);
  one_less();
}

void Worker::kill(const KillOrder& order) {
  Session* victim = find(order.id);
  const std::uint16_t error = victim == nullptr ? 1094 : victim->user() != order.user ? 1095 : 0;
  if (error == 0 && order.query_only) victim->interrupt();
  if (error == 0 && !order.query_only) victim->killed();
  shared_.post_always(order.killer_worker, [killer = order.killer, id = order.id, error](Worker& worker) {
    if (Session* session = worker.find(killer)) session->kill_answered(id, error);
  });
}

void Worker::kill_any(std::uint32_t id) {
  if (Session* victim = find(id)) victim->killed();
}

ThreadMark Worker::mark_thread(std::uint32_t cluster, std::uint32_t server, std::uint64_t thread) {
  for (auto& [key, pool] : pools_) {
    if (key.cluster != cluster || key.server != server) continue;
    const Backend* backend = pool->withdraw(thread);
    if (backend == nullptr) continue;
    const auto it = std::ranges::find_if(sessions_, [&](const auto& s) { return s.second->works_on(*backend); });
    return {.session = it == sessions_.end() ? 0 : it->first};
  }
  return {};
}

void Worker::drain(std::function<void()> done) {
  draining_ = true;
  on_drained_ = std::move(done);
  for (auto& listener : listeners_) loop_->close_listener(listener->id);
  for (const std::uint32_t id : session_ids()) {
    if (Session* session = find(id)) session->drain();
  }
  drain_deadline_ = loop_->start_timer(limits().drain_max_ms, *this);
  drained_if_empty();
}

void Worker::drained_if_empty() {
  if (!on_drained_ || !sessions_.empty() || !dead_sessions_.empty() || !kills_.empty()) return;
  std::exchange(on_drained_, nullptr)();
}

Report Worker::report() {
  Report report;
  report.counters = counters_;
  report.clients = sessions_.size();
  report.buffer_bytes = loop_->memory_used();
  for (const auto& gate : gates_) {
    report.gates.push_back(gate->row());
    report.hold_longest_ms = std::max(report.hold_longest_ms, gate->longest_ms());
  }
  report.sessions.reserve(sessions_.size());
  for (const auto& [id, session] : sessions_) report.sessions.push_back(session->row());
  for (const auto& [key, pool] : pools_) {
    PoolRow row;
    row.worker = index_;
    row.cluster = snapshot_->clusters[key.cluster].name;
    row.server = snapshot_->clusters[key.cluster].servers[key.server].name;
    row.user = key.user;
    row.connecting = pool->connecting();
    row.idle = pool->idle();
    row.kept = pool->kept();
    row.busy = pool->total() - pool->idle() - pool->connecting() - pool->kept();
    row.waiting = pool->waiting();
    row.limit = pool->limit();
    row.statements = pool->statements();
    report.pools.push_back(std::move(row));
  }
  return report;
}

}  // namespace sluice::proxy
