#include "failover/workflows/server_task.hpp"

#include <algorithm>
#include <cassert>
#include <utility>

namespace sluice::failover {

using std::chrono::milliseconds;

TaskResult failure(std::string error) {
  TaskResult result;
  result.error = std::move(error);
  return result;
}

ServerTask::ServerTask(TaskPlace place) : place_(std::move(place)), pause_(place_.io) {}

void ServerTask::run(Done done) {
  assert(!done_ && done);
  done_ = std::move(done);
  begin();
}

void ServerTask::stop() {
  done_ = nullptr;
  pause_.cancel();
  on_stop();
}

void ServerTask::ask_on(ServerSession& session, std::string sql, const std::string& what,
                        const std::function<void(const Tables&)>& then) {
  doing_ = what;
  // NOLINTBEGIN(clang-analyzer-cplusplus.NewDeleteLeaks): the callback, which ask() moves on
  session.ask(std::move(sql), place_.deadline,
              guarded([this, what, then](const DriverError& error, const Tables& tables) {
                if (error.failed()) return fail(what + ": " + place_.session->explain(error));
                then(tables);
              }));
  // NOLINTEND(clang-analyzer-cplusplus.NewDeleteLeaks)
}

void ServerTask::ask(std::string sql, const std::string& what, const std::function<void(const Tables&)>& then) {
  ask_on(*place_.session, std::move(sql), what, then);
}

void ServerTask::ask_facts(const std::function<void(const ServerFacts&)>& then) {
  ask(facts_query(kind()), "its state", [this, then](const Tables& tables) {
    const auto facts = read_facts(kind(), tables);
    if (!facts) return fail("its answers do not tell its state and position");
    then(*facts);
  });
}

void ServerTask::run_on(const std::shared_ptr<ServerSession>& session, std::vector<std::string> statements,
                        const std::string& what, const Then& then) {
  if (statements.empty()) return then();
  auto first = std::move(statements.front());
  statements.erase(statements.begin());
  ask_on(*session, std::move(first), what,
         [this, session, statements = std::move(statements), what, then](const Tables&) {
           run_on(session, statements, what, then);
         });
}

void ServerTask::run_statements(std::vector<std::string> statements, const std::string& what, const Then& then) {
  run_on(place_.session, std::move(statements), what, then);
}

void ServerTask::run_beside_lock(const Login& login, std::vector<std::string> statements, const std::string& what,
                                 const Then& then) {
  if (!place_.hold.locked || statements.empty()) return run_statements(std::move(statements), what, then);
  doing_ = what;
  place_.beside = std::make_shared<ServerSession>(place_.io, login);
  place_.beside->open(place_.deadline, guarded([this, statements, what, then](const std::string& error) {
                        if (!error.empty()) return fail(what + ": " + error);
                        run_on(place_.beside, statements, what, then);
                      }));
}

void ServerTask::after(milliseconds pause, Then then) {
  pause_.expires_after(pause);
  pause_.async_wait(guarded([then = std::move(then)](const boost::system::error_code& error) {
    if (!error) then();
  }));
}

void ServerTask::succeed(const ServerFacts& facts) {
  if (over()) return;
  const auto done = std::exchange(done_, nullptr);
  on_stop();
  done({true,
        {},
        facts.position,
        facts.executed,
        whole_received(facts),
        facts.instance,
        !facts.read_only && !place_.hold.locked});
}

void ServerTask::fail(std::string error) {
  if (over()) return;
  const auto done = std::exchange(done_, nullptr);
  on_stop();
  done(failure(std::move(error)));
}

std::vector<std::size_t> ServerTask::channels_of_cluster(const ServerFacts& facts) const {
  return failover::channels_of_cluster(place_.members, place_.own, facts.channels);
}

std::string ServerTask::whole_received(const ServerFacts& facts) const {
  std::string received;
  for (const auto index : channels_of_cluster(facts)) {
    const auto whole = whole_transactions(kind(), facts.relay_logs[index].received, facts.executed);
    received += (received.empty() || whole.empty() ? "" : ",") + whole;
  }
  return received;
}

milliseconds ServerTask::left() const {
  const auto left = std::chrono::floor<milliseconds>(place_.deadline - std::chrono::steady_clock::now());
  return std::max(left, milliseconds(1));
}

}  // namespace sluice::failover
