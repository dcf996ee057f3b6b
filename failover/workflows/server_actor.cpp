#include "failover/workflows/server_actor.hpp"

#include <algorithm>
#include <boost/asio/post.hpp>
#include <cassert>
#include <utility>

#include "failover/workflows/apply_task.hpp"
#include "failover/workflows/freeze_task.hpp"
#include "failover/workflows/io_thread_task.hpp"
#include "failover/workflows/privileges.hpp"
#include "failover/workflows/promote_task.hpp"
#include "failover/workflows/simple_tasks.hpp"

namespace sluice::failover {
namespace {

using std::chrono::milliseconds;
using Clock = std::chrono::steady_clock;

// Asks what follow would need, and changes nothing.
class CheckTask : public ServerTask {
 public:
  CheckTask(TaskPlace place, const std::string& user, const ReplicationAccount& account,
            std::shared_ptr<ServerCheck> found)
      : ServerTask(std::move(place)), user_(user), account_(account), found_(std::move(found)) {}

 private:
  void begin() override {
    ask("SHOW GRANTS", "its account's grants", [this](const Tables& tables) {
      const auto missing = listed(missing_privileges(kind(), tables.empty() ? ResultTable{} : tables.front()));
      if (!missing.empty())
        return fail("the account '" + user_ + "' lacks what a change of leader needs: GRANT " + missing +
                    " ON *.* TO '" + user_ + "'@'…'");
      check_replication();
    });
  }
  void check_replication() {
    ask_facts([this](const ServerFacts& facts) {
      const auto why_not = why_no_account(!channels_of_cluster(facts).empty(), account_);
      why_not.empty() ? look_for_transactions(facts) : fail(why_not);
    });
  }
  void look_for_transactions(const ServerFacts& facts) {
    ask(oldest_transaction_query(), "its open transactions", [this, facts](const Tables& tables) {
      found_->oldest_transaction_ms = read_oldest_transaction(tables);
      succeed(facts);
    });
  }

  const std::string& user_;
  const ReplicationAccount& account_;
  const std::shared_ptr<ServerCheck> found_;
};

}  // namespace

// What it was at when its budget was over.
std::string ServerActor::overdue(const Job& job) {
  const auto within = "within " + std::to_string(job.action.budget.count()) + " ms";
  if (job.task) {
    const auto& why = job.task->trouble().empty() ? job.task->doing() : job.task->trouble();
    return "not done " + within + (why.empty() ? "" : ": " + why);
  }
  if (job.ender) return "an earlier action could not be ended " + within;
  return "the server does not answer " + within;
}

ServerActor::ServerActor(boost::asio::io_context& io, ServerActorOptions options)
    : io_(io), options_(std::move(options)), deadline_(io) {
  assert(options_.own < options_.members.size());
}

// NOLINTNEXTLINE(bugprone-exception-escape): cancelling a timer does not throw with epoll
ServerActor::~ServerActor() { stop(); }

void ServerActor::learn(std::size_t member, std::uint32_t server_id) {
  if (server_id != 0) options_.members[member].server_id = server_id;
}

void ServerActor::perform(const Action& action, OnOutcome done) {
  start(action, [this, action](const TaskPlace& place) { return make_task(action, place); }, std::move(done));
}

void ServerActor::check(milliseconds budget, OnChecked done) {
  if (job_) {
    boost::asio::post(io_, [done = std::move(done)] { done({"another action is under way there", {}}); });
    return;
  }
  Action none;
  none.budget = budget;
  const auto found = std::make_shared<ServerCheck>();
  start(
      none,
      [this, found](const TaskPlace& place) {
        return std::make_shared<CheckTask>(place, options_.user, options_.replication, found);
      },
      [found, done = std::move(done)](const Outcome& outcome) {
        found->why_not = outcome.error;
        done(*found);
      });
}

void ServerActor::begin_log_file(milliseconds budget, OnOutcome done) {
  Action none;
  none.budget = budget;
  start(none, [](const TaskPlace& place) { return std::make_shared<BeginLogFileTask>(place); }, std::move(done));
}

void ServerActor::unlock() {
  if (job_ || !held_) return;
  leave_over(*held_);
  held_.reset();
}

void ServerActor::stop() {
  ++job_number_;
  deadline_.cancel();
  if (job_) {
    if (job_->task) job_->task->stop();
    if (job_->ender) job_->ender->stop();
    if (job_->beside) job_->beside->close();
    if (job_->session) job_->session->close();
    job_.reset();
  }
  if (held_) held_->close();
  held_.reset();
}

// Calls only while the job is the one under way.
template <class Call>
auto ServerActor::for_this_job(Call call) {
  return [weak = weak_from_this(), number = job_number_, call = std::move(call)](auto&&... arguments) {
    const auto self = weak.lock();
    if (self && self->job_ && self->job_number_ == number) call(std::forward<decltype(arguments)>(arguments)...);
  };
}

void ServerActor::start(const Action& action, MakeTask make_task, OnOutcome done) {
  if (job_) finish(failure("given up for another action"));
  ++job_number_;
  job_ = std::make_unique<Job>();
  job_->action = action;
  job_->done = std::move(done);
  job_->deadline = Clock::now() + action.budget;
  make_task_ = std::move(make_task);
  deadline_.expires_at(job_->deadline);
  deadline_.async_wait(for_this_job([this](const boost::system::error_code& error) {
    if (!error) finish(failure(overdue(*job_)));
  }));
  held_ ? use_held_session() : open_session();
}

// It may have been cut while nobody looked at it. A third of the time must do: the rest is for a new connection.
void ServerActor::use_held_session() {
  const auto until = Clock::now() + job_->action.budget / 3;
  held_->ask("SELECT 1", until, for_this_job([this](const DriverError& error, const std::vector<ResultTable>&) {
               if (error.failed()) {
                 leave_over(*held_);
                 held_.reset();
                 return open_session();
               }
               job_->session = std::exchange(held_, nullptr);
               end_leftovers();
             }));
}

void ServerActor::open_session() {
  job_->session = std::make_shared<ServerSession>(io_, login());
  job_->session->open(job_->deadline, for_this_job([this](const std::string& error) {
                        if (!error.empty()) return finish(failure(error));
                        end_leftovers();
                      }));
}

void ServerActor::end_leftovers() {
  if (leftovers_.empty()) return begin_task();
  job_->ender = std::make_shared<ConnectionEnder>(io_, job_->session);
  job_->ender->end_all(list_connections(leftovers_), job_->deadline, for_this_job([this](const std::string& error) {
                         if (!error.empty()) return finish(failure("an earlier action could not be ended: " + error));
                         leftovers_.clear();
                         begin_task();
                       }));
}

void ServerActor::begin_task() {
  job_->begun = true;
  const auto task =
      make_task_({io_, job_->session, job_->beside, job_->deadline, hold_, options_.members, options_.own});
  job_->task = task;
  task->run(for_this_job([this](TaskResult result) { finish(std::move(result)); }));
}

void ServerActor::finish(TaskResult result) {
  deadline_.cancel();
  ++job_number_;
  const auto job = std::exchange(job_, nullptr);
  if (job->task) job->task->stop();
  if (job->ender) job->ender->stop();
  if (job->beside) put_away_beside(*job->beside);
  put_away(job->session, job->begun);
  Outcome outcome;
  outcome.id = job->action.id;
  outcome.ok = result.ok;
  outcome.error = std::move(result.error);
  outcome.position = std::move(result.position);
  outcome.executed = std::move(result.executed);
  outcome.received = std::move(result.received);
  outcome.instance = result.instance;
  outcome.writable = result.writable;
  boost::asio::post(io_, [done = std::move(job->done), outcome = std::move(outcome)] { done(outcome); });
}

void ServerActor::put_away(const std::shared_ptr<ServerSession>& session, bool begun) {
  if (held_ && held_->in_doubt()) {  // the budget ended while it was asked whether it is there
    leave_over(*held_);
    held_.reset();
  }
  if (!session) return;
  if (session->in_doubt()) {
    if (begun || hold_.locked) leave_over(*session);
    session->close();
  } else if (hold_.locked) {
    held_ = session;
  } else {
    session->close();
  }
}

// It never has the lock.
void ServerActor::put_away_beside(ServerSession& session) {
  if (session.in_doubt() && session.id().id != 0) leftovers_.push_back(session.id());
  session.close();
}

void ServerActor::leave_over(ServerSession& session) {
  if (session.id().id != 0) leftovers_.push_back(session.id());
  hold_.locked = false;
  session.close();
}

std::shared_ptr<ServerTask> ServerActor::make_task(const Action& action, const TaskPlace& place) const {
  switch (action.act) {
    case Act::freeze:
      return std::make_shared<FreezeTask>(place, login());
    case Act::thaw:
      return std::make_shared<ThawTask>(place);
    case Act::await_position:
      return std::make_shared<AwaitPositionTask>(place, action.position);
    case Act::promote:
      return std::make_shared<PromoteTask>(place);
    case Act::follow:
      return std::make_shared<FollowTask>(place, action.source, options_.replication);
    case Act::stop_io:
      return std::make_shared<StopIoTask>(place, login());
    case Act::start_io:
      return std::make_shared<StartIoTask>(place, login());
    case Act::apply_relay_log:
      return std::make_shared<ApplyTask>(place);
    case Act::read_state:
      return std::make_shared<ReadStateTask>(place);
    default:
      break;
  }
  assert(false && "not an act of a server");
  return nullptr;
}

Login ServerActor::login() const {
  return {options_.members[options_.own].server, options_.user, options_.password, options_.tls};
}

}  // namespace sluice::failover
