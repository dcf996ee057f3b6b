// Does what a workflow asks of one server: every act in action.hpp that is one of a server. One at a time, without
// blocking, and never beyond the action's budget.
//
// Flow: `auto actor = make_shared<ServerActor>(io, options); actor->perform(action, done);` `done` is called once for
// each action, from the io_context, at the latest when the budget is over. `stop()`: no more.
//
// An action that was given up can't take effect later. Whatever was on its way on a connection that ended in doubt may
// still run at the server, and a global read lock may still be held by it: before the next action begins, those
// connections are ended with KILL, and it is waited until the process list shows them no more. If that can't be had
// within the budget, the action fails without having begun.
//
// Between freeze and what follows it the session with the global read lock stays open. If that connection is lost,
// read_only still stops everyone but accounts with SUPER (MariaDB: READ ONLY ADMIN): no server of these kinds has more.
// Where nothing follows, because a freeze was all that was wanted or the workflow ended there, `unlock()` ends it.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "failover/action.hpp"
#include "failover/workflows/cluster_channels.hpp"
#include "failover/workflows/connection_ender.hpp"
#include "failover/workflows/follow_task.hpp"
#include "failover/workflows/server_session.hpp"
#include "failover/workflows/server_task.hpp"

namespace sluice::failover {

struct ServerActorOptions {
  std::vector<ClusterMember> members;  // of the whole cluster, as the plan numbers them
  std::size_t own = 0;                 // which of them this is
  std::string user;                    // with the privileges that privileges_to_act() names
  std::string password;                // never logged
  bool tls = false;
  ReplicationAccount replication;
};

// What is asked of a server before a change of leader.
struct ServerCheck {
  std::string why_not;  // it can't be acted on, or made a replica; empty: it can
  // How long the oldest open transaction has been so, of whoever it is; whole seconds. nullopt: none, or not told.
  std::optional<std::uint64_t> oldest_transaction_ms;
};

class ServerActor : public std::enable_shared_from_this<ServerActor> {
 public:
  using OnOutcome = std::function<void(const Outcome&)>;
  using OnChecked = std::function<void(const ServerCheck&)>;

  ServerActor(boost::asio::io_context& io, ServerActorOptions options);
  ~ServerActor();
  ServerActor(const ServerActor&) = delete;
  ServerActor& operator=(const ServerActor&) = delete;

  // What the member calls itself: replicas may know their source under another address than we do. 0: not known.
  void learn(std::size_t member, std::uint32_t server_id);
  // An action that is still under way is given up, and answered so.
  void perform(const Action& action, OnOutcome done);
  // Touches nothing. While an action is under way the server can't be acted on.
  void check(std::chrono::milliseconds budget, OnChecked done);
  // So that replicas which will ask it are answered soon: BeginLogFileTask.
  void begin_log_file(std::chrono::milliseconds budget, OnOutcome done);
  // The session that holds the global read lock ends, and with it the lock; read_only stays, and what was frozen is
  // still compared before it is made a replica. Does nothing if there is none, or while an action is under way: that
  // one is answered later, and then tells what it leaves. If the server can't be reached it notices later that we are
  // gone, at the latest before the next action begins.
  void unlock();
  // Nothing is called any more. A lock that is held goes with its session; read_only stays.
  void stop();

 private:
  struct Job {
    Action action;
    OnOutcome done;
    ServerSession::TimePoint deadline;
    std::shared_ptr<ServerSession> session;
    std::shared_ptr<ServerSession> beside;  // a task's second one
    std::shared_ptr<ConnectionEnder> ender;
    std::shared_ptr<ServerTask> task;
    bool begun = false;  // something of it may have been sent
  };
  using MakeTask = std::function<std::shared_ptr<ServerTask>(const TaskPlace&)>;

  void start(const Action& action, MakeTask make_task, OnOutcome done);
  void use_held_session();
  void open_session();
  void end_leftovers();
  void begin_task();
  void finish(TaskResult result);
  [[nodiscard]] static std::string overdue(const Job& job);
  void put_away(const std::shared_ptr<ServerSession>& session, bool begun);
  void put_away_beside(ServerSession& session);
  void leave_over(ServerSession& session);
  [[nodiscard]] std::shared_ptr<ServerTask> make_task(const Action& action, const TaskPlace& place) const;
  [[nodiscard]] Login login() const;
  template <class Call>
  auto for_this_job(Call call);

  boost::asio::io_context& io_;
  ServerActorOptions options_;
  boost::asio::steady_timer deadline_;
  std::unique_ptr<Job> job_;
  MakeTask make_task_;
  std::uint64_t job_number_ = 0;
  ServerHold hold_;
  std::shared_ptr<ServerSession> held_;  // has the lock; null: none has
  std::vector<ConnectionId> leftovers_;  // at most two: nothing begins while there are any
};

}  // namespace sluice::failover
