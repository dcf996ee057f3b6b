// One worker thread: an event loop, its listeners, its sessions and its pools. Nothing here is shared with another
// worker; the control thread speaks to it through `post`, a bounded mailbox read in a turn of the loop.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "proxy/gate.hpp"
#include "proxy/pool.hpp"
#include "proxy/proxy.hpp"
#include "proxy/refused_reads.hpp"
#include "proxy/server_kill.hpp"
#include "proxy/session.hpp"
#include "proxy/session_id.hpp"
#include "proxy/statement_text.hpp"

namespace sluice::proxy {

// What the workers of one proxy have in common: read only, or thread-safe.
struct WorkerShared {
  ProxyOptions options;
  std::uint32_t workers = 1;
  // Clients of all workers: the kernel spreads them unevenly, so a share for each worker would refuse some too early.
  mutable std::atomic<std::uint32_t> clients{0};
  // By worker, those on their way to it included: whoever accepts a client gives it to a worker that has fewer.
  mutable std::vector<std::atomic<std::uint32_t>> clients_of;
  // Global settings of servers that were changed through us: whoever logs on after one gets no connection from before.
  mutable std::atomic<std::uint64_t> global_changes{0};
  std::function<bool(std::uint32_t worker, std::function<void(Worker&)> task)> post;
  std::function<void(std::uint32_t worker, std::function<void(Worker&)> task)> post_always;
};

class Worker final : private io::WakeHandler, private io::TimerHandler, private PoolHost {
 public:
  Worker(const WorkerShared& shared, std::uint32_t index, std::unique_ptr<io::Loop> loop, SnapshotPtr snapshot);
  ~Worker();

  // From any thread: runs `task` in a turn of the loop. False: mailbox_max tasks wait already.
  bool post(std::function<void(Worker&)> task);
  // For what must not be lost whatever clients do, and comes in small numbers: snapshots, answers.
  void post_always(std::function<void(Worker&)> task);
  static constexpr std::size_t mailbox_max = 4096;

  // The rest is for the worker's own thread.
  void listen(int fd, bool unix_socket);
  void run();
  void set_snapshot(SnapshotPtr snapshot);
  void drain(std::function<void()> done);
  void stop();
  [[nodiscard]] Report report();

  [[nodiscard]] io::Loop& loop() override { return *loop_; }
  [[nodiscard]] std::uint32_t index() const { return index_; }
  [[nodiscard]] const WorkerShared& shared() const { return shared_; }
  [[nodiscard]] const Limits& limits() const { return shared_.options.limits; }
  [[nodiscard]] const Snapshot& snapshot() const { return *snapshot_; }
  [[nodiscard]] Counters& counters() { return counters_; }
  [[nodiscard]] StatementTexts& texts() { return texts_; }
  [[nodiscard]] RefusedReads& refused_reads() { return refused_reads_; }
  [[nodiscard]] std::uint64_t next_turn() { return ++turn_; }
  // The steady clock now, not as of this turn: a write may have been committed since the turn began.
  [[nodiscard]] static std::uint64_t steady_now_ms();
  // Asks a server's pool, made at its first use.
  [[nodiscard]] Pool& pool(std::uint32_t cluster, std::uint32_t server, const std::string& user);
  // What the leader gives a logon; nullptr: there is none, or nobody has asked it yet.
  [[nodiscard]] LogonStatePtr known_logon(std::uint32_t cluster, const std::string& user, std::uint8_t collation) const;
  [[nodiscard]] IdentityPtr intern(BackendIdentity identity);

  [[nodiscard]] std::span<const std::uint64_t> avoid_until_ms(std::uint32_t cluster) const;
  // It answered that it is read-only: it is left alone for a moment, and the monitor looks.
  void on_read_only_leader(std::uint32_t cluster, std::uint32_t server);
  void event(Severity severity, std::string_view kind, std::string text) const;

  [[nodiscard]] Gate& gate(std::uint32_t cluster) { return *gates_[cluster]; }
  [[nodiscard]] std::size_t statements_waiting() const;  // at all gates

  // Memory may have become short because clients don't take their results: those that have not for long give way.
  void relieve_memory();

  void bury_session(Session& session);
  // Ends what `victim` still runs on its server, over another connection of `pool`. False: limits.server_kills_max are
  // on their way already.
  bool end_on_server(Pool& pool, const Backend& victim, ServerKill::What what);
  [[nodiscard]] std::uint32_t kills_on(std::uint32_t cluster, std::uint32_t server) const;
  void close_idle(std::uint32_t cluster, std::uint32_t server);
  // As many connections to `server` as there are to `like`; `done` when they are open, or can't be.
  void warm(std::uint32_t cluster, std::uint32_t like, std::uint32_t server, const std::function<void()>& done);
  // A client's KILL [QUERY] of its own user's session `id`, which lives here.
  struct KillOrder {
    std::uint32_t killer_worker = 0;
    std::uint32_t killer = 0;
    std::string user;
    std::uint32_t id = 0;
    bool query_only = false;
  };
  void kill(const KillOrder& order);
  void kill_any(std::uint32_t id);
  // A KILL of that thread is on its way: if it is a connection of ours, it serves nobody else any more.
  [[nodiscard]] ThreadMark mark_thread(std::uint32_t cluster, std::uint32_t server, std::uint64_t thread);
  [[nodiscard]] Session* find(std::uint32_t id);
  // Of all that live now. What is done to one session may end others: find each before it is used.
  [[nodiscard]] std::vector<std::uint32_t> session_ids() const;

 private:
  struct Listener;

  void on_wake() override;
  void on_timer(io::TimerId timer) override;
  void accepted(int fd, bool unix_socket);
  [[nodiscard]] std::uint32_t home_for_client() const;
  void adopt(int fd, bool unix_socket);
  void accept_failed(int error);

  void bury(std::unique_ptr<Backend> backend) override;
  void on_pool_trouble(std::uint32_t cluster, std::uint32_t server, std::string_view kind, std::string_view text,
                       bool suspect) override;
  void count_opened() override { ++counters_.backends_opened; }
  [[nodiscard]] std::uint64_t global_changes() const override {
    return shared_.global_changes.load(std::memory_order_acquire);
  }

  [[nodiscard]] bool memory_short() const;
  void shed_stalled_clients();
  void leave_silent_servers();
  void schedule_burial();
  void drained_if_empty();

  const WorkerShared& shared_;
  std::uint32_t index_;
  std::unique_ptr<io::Loop> loop_;
  SnapshotPtr snapshot_;
  Counters counters_;
  StatementTexts texts_;
  RefusedReads refused_reads_;
  std::uint64_t turn_ = 0;
  SessionIds ids_;

  std::vector<std::unique_ptr<Listener>> listeners_;
  std::vector<std::vector<std::uint64_t>> avoid_until_ms_;  // by cluster and server
  std::map<PoolKey, std::unique_ptr<Pool>> pools_;
  std::unordered_map<std::string, IdentityPtr> identities_;
  std::unordered_map<std::uint32_t, std::unique_ptr<Session>> sessions_;
  std::vector<std::unique_ptr<Gate>> gates_;  // by cluster
  std::vector<std::unique_ptr<ServerKill>> kills_;

  // What may still be on the stack of the running call is destroyed in a turn of its own.
  std::vector<std::unique_ptr<Session>> dead_sessions_;
  std::vector<std::unique_ptr<ServerKill>> dead_kills_;
  std::vector<std::unique_ptr<Backend>> dead_backends_;
  io::TimerId burial_;
  io::TimerId relief_;
  io::TimerId drain_deadline_;
  std::function<void()> on_drained_;
  bool stopping_ = false;
  bool draining_ = false;

  std::mutex mailbox_mutex_;
  std::vector<std::function<void(Worker&)>> mailbox_;
};

}  // namespace sluice::proxy
