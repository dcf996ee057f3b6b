#include "failover/workflows/follow_task.hpp"

#include <algorithm>
#include <utility>

#include "failover/position.hpp"
#include "failover/source_graph.hpp"
#include "protocol/gtid_set.hpp"

namespace sluice::failover {
namespace {

// Between two looks at a channel that starts, which tells nobody when it runs.
constexpr std::chrono::milliseconds look_again_after{10};

const ReplicationChannel* find_channel(const ServerFacts& facts, const std::string& name) {
  const auto it = std::find_if(facts.channels.begin(), facts.channels.end(),
                               [&](const ReplicationChannel& channel) { return channel.name == name; });
  return it != facts.channels.end() ? &*it : nullptr;
}

}  // namespace

std::string why_no_account(bool has_channel, const ReplicationAccount& account) {
  if (has_channel || !account.user.empty()) return {};
  return "it replicates from no server of its cluster, so that it has no account for that: set replication_user and "
         "replication_password";
}

FollowTask::FollowTask(TaskPlace place, std::size_t source, ReplicationAccount account)
    : ServerTask(std::move(place)), source_(source), account_(std::move(account)) {}

void FollowTask::begin() {
  ask_facts([this](const ServerFacts& facts) {
    choose_channel(facts);
    const auto why_not = refusal(facts);
    if (!why_not.empty()) return fail(why_not);
    ask(set_read_only(kind(), true), "read_only", [this](const Tables&) {
      // A replica has no writers to be ended: what it has applied stays, and it may be read meanwhile.
      if (has_channel_ && !place().hold.locked) return stop_channels();
      end_writers();
    });
  });
}

void FollowTask::choose_channel(const ServerFacts& facts) {
  const auto ours = channels_of_cluster(facts);
  for (const auto index : ours) ours_.push_back(facts.channels[index].name);
  has_channel_ = !ours_.empty();
  channel_ = has_channel_ ? ours_.front() : new_channel_name(facts.channels);
}

std::string FollowTask::refusal(const ServerFacts& facts) const {
  const bool mariadb = kind().flavour == Flavour::mariadb;
  if (place().members[source_].server.host.empty()) return "no server can replicate over a unix socket";
  if (auto why_not = why_no_account(has_channel_, account_); !why_not.empty()) return why_not;
  if (has_channel_) return {};
  if (!mariadb && kind().number < 50'706 && !channel_.empty())
    return "its only channel of replication comes from outside of the cluster";
  const auto running = std::find_if(facts.channels.begin(), facts.channels.end(), is_active);
  if (!mariadb || running == facts.channels.end()) return {};
  return "its channel '" + running->name +
         "' from outside of the cluster runs, and until it is stopped MariaDB sets no position to replicate from";
}

void FollowTask::end_writers() {
  ender_ = std::make_shared<ConnectionEnder>(place().io, place().session);
  ender_->end_all(list_waiting(), place().deadline, guarded([this](const std::string& error) {
                    if (!error.empty()) return fail("who writes to it could not be ended: " + error);
                    ask(release_global_lock(), "the lock", [this](const Tables&) {
                      place().hold.locked = false;
                      stop_channels();
                    });
                  }));
}

void FollowTask::on_stop() {
  if (ender_) ender_->stop();
}

void FollowTask::stop_channels() {
  std::vector<std::string> statements;
  statements.reserve(2 * ours_.size());
  for (const auto& name : ours_) statements.push_back(stop_channel(kind(), name));
  for (const auto& name : ours_) {
    if (name != channel_) statements.push_back(forget_channel(kind(), name));
  }
  run_statements(std::move(statements), "its replication could not be stopped", [this] {
    ask_facts([this](const ServerFacts& facts) {
      if (was_written_to(facts))
        return fail("someone has written to it after it was frozen at " + place().hold.frozen_at + ": it is at " +
                    facts.position);
      change(facts);
    });
  });
}

// What it has received before may have been applied since the lock went.
bool FollowTask::was_written_to(const ServerFacts& facts) const {
  const auto& hold = place().hold;
  if (hold.frozen_at.empty() || position_contains(hold.frozen_at, facts.position)) return false;
  auto explained = protocol::GtidSet::parse(hold.frozen_executed);
  for (const auto index : channels_of_cluster(facts)) {
    const auto received = protocol::GtidSet::parse(facts.relay_logs[index].received);
    if (explained && received) explained = explained->plus(*received);
  }
  const auto executed = protocol::GtidSet::parse(facts.executed);
  return !explained || !executed || !explained->contains(*executed);
}

void FollowTask::change(const ServerFacts& facts) {
  std::vector<std::string> statements;
  const bool mariadb = kind().flavour == Flavour::mariadb;
  if (mariadb && !has_channel_ && facts.position != facts.replica_pos)
    statements.push_back(set_replica_position(facts.position));
  if (facts.semi_sync()) statements.push_back(set_semi_sync(false));
  run_statements(std::move(statements), "it could not be prepared", [this] {
    const auto& server = place().members[source_].server;
    const ReplicationSource source{server.host,  server.port,   account_.user,     account_.password,
                                   account_.tls, !has_channel_, account_.heartbeat};
    ask_secretly(change_source(kind(), channel_, source), [this] {
      run_statements({start_channel(kind(), channel_)}, "its replication could not be started",
                     [this] { await_running(); });
    });
  });
}

// An error may quote the statement.
void FollowTask::ask_secretly(std::string sql, Then then) {
  place().session->ask(std::move(sql), place().deadline,
                       guarded([this, then = std::move(then)](const DriverError& error, const Tables&) {
                         if (!error.failed()) return then();
                         std::string text = place().session->explain(error);
                         const auto& secret = account_.password;
                         for (auto at = text.find(secret); !secret.empty() && at != std::string::npos;
                              at = text.find(secret, at + 3))
                           text.replace(at, secret.size(), "***");
                         fail("its source could not be changed: " + text);
                       }));
}

void FollowTask::await_running() {
  ask_facts([this](const ServerFacts& facts) {
    const auto* channel = find_channel(facts, channel_);
    if (channel == nullptr) return fail("its channel is gone: someone else changes its replication");
    if (is_running(*channel)) {
      place().hold = {};
      return succeed(facts);
    }
    const auto& error = channel->last_sql_error.empty() ? channel->last_io_error : channel->last_sql_error;
    if (!channel->sql_running && !error.empty()) return fail("it does not replicate: " + error);
    // The thread that fetches tries again by itself, also after most errors.
    note_trouble("its replication has not begun" + (error.empty() ? std::string() : ": " + error));
    after(look_again_after, [this] { await_running(); });
  });
}

}  // namespace sluice::failover
