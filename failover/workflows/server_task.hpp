// One action at one server, as a sequence of statements over a session that is open already. What the acts do is in
// the files of the derived classes; here is what they share: asking, waiting, ending.
//
// Flow: the actor makes the task, `run(done)`; `done` is called once, from the io_context. `stop()`: never. The actor
// bounds the whole by the action's budget; each statement gets what is left of it.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "failover/workflows/cluster_channels.hpp"
#include "failover/workflows/server_session.hpp"
#include "failover/workflows/server_statements.hpp"

namespace sluice::failover {

// What is known of a server from one action to the next.
struct ServerHold {
  bool locked = false;          // the session has the global read lock
  std::string frozen_at;        // where it was when it was frozen; empty: it is not
  std::string frozen_executed;  // the same as a set
  // Received in part, and the rest never comes as long as the relay log ends at `torn_at`; empty: nothing is.
  std::string torn;
  std::string torn_at;
};

struct TaskPlace {
  boost::asio::io_context& io;
  std::shared_ptr<ServerSession> session;
  // For what can't be said under the lock that the session holds; a task opens it. What is left in doubt on it is ended
  // like the session itself.
  std::shared_ptr<ServerSession>& beside;
  ServerSession::TimePoint deadline;
  // These outlive the task.
  ServerHold& hold;
  const std::vector<ClusterMember>& members;
  std::size_t own;  // which of them the server is
};

struct TaskResult {  // as in Outcome
  bool ok = false;
  std::string error;
  std::string position;
  std::string executed;
  std::string received;
  std::uint64_t instance = 0;
  bool writable = false;
};
[[nodiscard]] TaskResult failure(std::string error);

class ServerTask : public std::enable_shared_from_this<ServerTask> {
 public:
  using Done = std::function<void(TaskResult)>;
  using Tables = std::vector<ResultTable>;

  explicit ServerTask(TaskPlace place);
  virtual ~ServerTask() = default;
  ServerTask(const ServerTask&) = delete;
  ServerTask& operator=(const ServerTask&) = delete;

  void run(Done done);
  void stop();
  // What it waits for, for whoever gives it up.
  [[nodiscard]] const std::string& doing() const { return doing_; }
  // What was wrong when it last looked, though it goes on waiting; empty: nothing was.
  [[nodiscard]] const std::string& trouble() const { return trouble_; }

 protected:
  using Then = std::function<void()>;

  virtual void begin() = 0;
  virtual void on_stop() {}

  // An error of the server ends the task: "<statement's meaning>: <error>".
  void ask(std::string sql, const std::string& what, const std::function<void(const Tables&)>& then);
  void ask_facts(const std::function<void(const ServerFacts&)>& then);
  void run_statements(std::vector<std::string> statements, const std::string& what, const Then& then);
  // The same, over a second session if the first one has the lock, under which a server refuses them (1192).
  void run_beside_lock(const Login& login, std::vector<std::string> statements, const std::string& what,
                       const Then& then);
  void after(std::chrono::milliseconds pause, Then then);
  void succeed(const ServerFacts& facts);
  void fail(std::string error);
  void note_trouble(std::string trouble) { trouble_ = std::move(trouble); }

  [[nodiscard]] const ServerKind& kind() const { return place_.session->kind(); }
  // Indexes of the channels that lead to a member of the cluster.
  [[nodiscard]] std::vector<std::size_t> channels_of_cluster(const ServerFacts& facts) const;
  [[nodiscard]] std::chrono::milliseconds left() const;
  [[nodiscard]] TaskPlace& place() { return place_; }
  [[nodiscard]] const TaskPlace& place() const { return place_; }
  [[nodiscard]] bool over() const { return !done_; }
  // Wraps what is called later: it does nothing once the task is over.
  template <class Call>
  auto guarded(Call call) {
    return [weak = weak_from_this(), call = std::move(call)](auto&&... arguments) {
      const auto self = weak.lock();
      if (self && !self->over()) call(std::forward<decltype(arguments)>(arguments)...);
    };
  }

 private:
  void ask_on(ServerSession& session, std::string sql, const std::string& what,
              const std::function<void(const Tables&)>& then);
  void run_on(const std::shared_ptr<ServerSession>& session, std::vector<std::string> statements,
              const std::string& what, const Then& then);
  [[nodiscard]] std::string whole_received(const ServerFacts& facts) const;

  TaskPlace place_;
  boost::asio::steady_timer pause_;
  Done done_;
  std::string doing_;
  std::string trouble_;
};

}  // namespace sluice::failover
