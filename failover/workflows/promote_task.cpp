#include "failover/workflows/promote_task.hpp"

#include <algorithm>
#include <utility>

#include "failover/position.hpp"

namespace sluice::failover {

void PromoteTask::begin() {
  if (!place().hold.locked) return ask_facts([this](const ServerFacts& facts) { stop_channels(facts); });
  ask(release_global_lock(), "the lock", [this](const Tables&) {
    place().hold.locked = false;
    ask_facts([this](const ServerFacts& facts) { stop_channels(facts); });
  });
}

void PromoteTask::stop_channels(const ServerFacts& facts) {
  std::vector<std::string> channels;
  std::vector<std::string> statements;
  for (const auto index : channels_of_cluster(facts)) {
    channels.push_back(facts.channels[index].name);
    statements.push_back(stop_channel(kind(), channels.back()));
  }
  run_statements(std::move(statements), "its replication could not be stopped",
                 [this, channels] { prove_applied(channels); });
}

bool PromoteTask::is_applied(const ServerFacts& facts, std::size_t channel) const {
  const auto& log = facts.relay_logs[channel];
  const auto& hold = place().hold;
  if (position_contains(facts.position, log.received)) return true;
  return !hold.torn.empty() && hold.torn_at == log.received_to &&
         position_contains(facts.position + "," + hold.torn, log.received);
}

void PromoteTask::prove_applied(const std::vector<std::string>& channels) {
  ask_facts([this, channels](const ServerFacts& facts) {
    for (std::size_t i = 0; i < facts.channels.size(); ++i) {
      const bool ours = std::find(channels.begin(), channels.end(), facts.channels[i].name) != channels.end();
      if (ours && !is_applied(facts, i))
        return fail("it has received " + facts.relay_logs[i].received + " and applied no more than " + facts.position);
    }
    lead(facts, channels);
  });
}

void PromoteTask::lead(const ServerFacts& facts, const std::vector<std::string>& channels) {
  std::vector<std::string> statements;
  statements.reserve(channels.size() + 2);
  for (const auto& channel : channels) statements.push_back(forget_channel(kind(), channel));
  if (facts.semi_sync()) statements.push_back(set_semi_sync(true));
  statements.push_back(set_read_only(kind(), false));
  run_statements(std::move(statements), "it could not be made the leader", [this, facts] {
    place().hold = {};
    succeed(facts);
  });
}

}  // namespace sluice::failover
