#include "failover/workflows/io_thread_task.hpp"

#include <algorithm>
#include <utility>

#include "failover/position.hpp"

namespace sluice::failover {
namespace {

constexpr std::chrono::milliseconds look_again_after{10};

}  // namespace

StopIoTask::StopIoTask(TaskPlace place, Login login) : ServerTask(std::move(place)), login_(std::move(login)) {}

void StopIoTask::begin() {
  doubt_until_ = place().deadline - left() / 2;
  ask_facts([this](const ServerFacts& facts) {
    std::vector<std::string> statements;
    for (const auto index : channels_of_cluster(facts))
      statements.push_back(stop_receiving(kind(), facts.channels[index].name));
    run_beside_lock(login_, std::move(statements), "it could not be told to receive no more", [this] { tell_state(); });
  });
}

void StopIoTask::tell_state() {
  ask_facts([this](const ServerFacts& facts) {
    const auto ours = channels_of_cluster(facts);
    const bool in_doubt = std::any_of(ours.begin(), ours.end(), [&](std::size_t index) {
      return facts.channels[index].sql_running && !position_contains(facts.position, facts.relay_logs[index].received);
    });
    const bool may_clear = counts_parts(kind()) && !place().hold.locked;
    if (in_doubt && may_clear && std::chrono::steady_clock::now() + look_again_after < doubt_until_)
      return after(look_again_after, [this] { tell_state(); });
    succeed(facts);
  });
}

StartIoTask::StartIoTask(TaskPlace place, Login login) : ServerTask(std::move(place)), login_(std::move(login)) {}

void StartIoTask::begin() {
  ask_facts([this](const ServerFacts& facts) {
    std::vector<std::string> statements;
    for (const auto index : channels_of_cluster(facts)) {
      const auto& channel = facts.channels[index];
      const auto& received = facts.relay_logs[index].received;
      const bool would_lose = kind().flavour == Flavour::mariadb && !channel.io_running && !channel.sql_running &&
                              !position_contains(facts.position, received);
      if (would_lose)
        return fail("its SQL thread does not run, and it would throw away what it has received: " + received);
      statements.push_back(start_receiving(kind(), channel.name));
    }
    place().hold.torn.clear();
    run_beside_lock(login_, std::move(statements), "it could not be told to receive again",
                    [this, facts] { succeed(facts); });
  });
}

}  // namespace sluice::failover
