#include "failover/workflows/apply_task.hpp"

#include <algorithm>

#include "failover/position.hpp"
#include "protocol/gtid_set.hpp"

namespace sluice::failover {
namespace {

using std::chrono::milliseconds;

constexpr milliseconds look_again_after{10};
// MariaDB's function goes on waiting when the thread that applies has ended.
constexpr milliseconds wait_max{500};

std::string lacking(const ServerFacts& facts, const std::string& received) {
  const auto all = protocol::GtidSet::parse(received);
  const auto executed = protocol::GtidSet::parse(facts.executed);
  return all && executed ? all->minus(*executed).to_string() : received;
}

}  // namespace

void ApplyTask::begin() {
  if (place().hold.locked) return fail("it is frozen: nothing is applied under the global read lock");
  look();
}

std::string ApplyTask::why_never(const ServerFacts& facts) const {
  for (const auto index : channels_of_cluster(facts)) {
    const auto& channel = facts.channels[index];
    if (!channel.sql_running && !position_contains(facts.position, facts.relay_logs[index].received))
      return "its SQL thread does not run" + (channel.last_sql_error.empty() ? "" : ": " + channel.last_sql_error);
  }
  return {};
}

void ApplyTask::look() {
  ask_facts([this](const ServerFacts& facts) {
    const auto why_not = why_never(facts);
    if (!why_not.empty()) return fail(why_not);
    for (const auto index : channels_of_cluster(facts)) {
      const auto& received = facts.relay_logs[index].received;
      if (position_contains(facts.position, received)) continue;
      const auto whole = whole_transactions(kind(), received, facts.executed);
      if (!position_contains(facts.position, whole)) return await_whole(whole);
      return look_for_torn(facts, index);
    }
    succeed(facts);
  });
}

void ApplyTask::await_whole(const std::string& position) {
  ask(await_position_query(kind(), position, std::min(left(), wait_max)), "it has not applied " + position,
      [this](const Tables&) { look(); });
}

void ApplyTask::look_for_torn(const ServerFacts& facts, std::size_t channel) {
  const auto& log = facts.relay_logs[channel];
  if (log.read_to_end && restarted_) {
    place().hold.torn = lacking(facts, log.received);
    place().hold.torn_at = log.received_to;
    return succeed(facts);
  }
  const auto look_again = [this] { after(look_again_after, [this] { look(); }); };
  if (!log.read_to_end) return look_again();
  restarted_ = true;
  run_statements({restart_applying(kind(), facts.channels[channel].name)},
                 "what it has received of " + lacking(facts, log.received) + " could not be read once more",
                 look_again);
}

}  // namespace sluice::failover
