#include "failover/simulator/checker.hpp"

#include <algorithm>

namespace sluice::failover::simulator {
namespace {

// A server may have got more, have been started anew, or been frozen by what an earlier process had given up, since it
// was looked at.
constexpr Tick just_now = 100;

std::string name(std::size_t server) { return "s" + std::to_string(server); }

// Its IO thread, by a person or with the server, not by the supervisor.
bool was_started(const Server& server, Tick now) {
  return server.io_started_at > 0 && server.io_started_at + 2 * just_now > now;
}

}  // namespace

void Checker::released(Tick now, std::size_t server, std::uint64_t epoch, const std::vector<Server>& servers,
                       const Transactions& all) {
  ++releases_;
  const auto under = " under epoch " + std::to_string(epoch);
  if (!led_.empty() && (epoch < led_.rbegin()->first || led_.rbegin()->second != server) &&
      epoch <= led_.rbegin()->first)
    breach(now, name(server) + " is released" + under + ", where " + name(led_.rbegin()->second) + " led under " +
                    std::to_string(led_.rbegin()->first));
  led_[epoch] = server;
  const auto& leader = servers[server];
  const bool was_closed = leader.closed_at > 0 && leader.closed_at + just_now > now;
  if (leader.up && leader.access != Access::writable && !was_closed)
    breach(now, name(server) + " is released, and takes no writes");
  std::vector<bool> there(all.size(), false);
  for (const auto transaction : leader.log) {
    there[transaction] = true;
    if (all[transaction].errant) breach(now, name(server) + " leads with an errant transaction");
  }
  for (std::size_t i = 0; i < all.size(); ++i) {
    if (!all[i].acknowledged || there[i]) continue;
    if (loss_ == Loss::none)
      breach(now, name(server) + " leads" + under + " without transaction " + std::to_string(i) + " of " +
                      name(all[i].writer) + ", which was acknowledged");
    owes_report_ = true;
  }
}

void Checker::wrote(Tick now, std::size_t server, std::uint64_t epoch) {
  const auto [it, is_new] = wrote_.emplace(epoch, server);
  if (it->second != server)
    breach(now, "under epoch " + std::to_string(epoch) + " " + name(server) + " takes a write, and " +
                    name(it->second) + " did before");
}

void Checker::acknowledged(Tick now, std::size_t server, std::uint64_t epoch) {
  if (led_.empty() || led_.rbegin()->first <= epoch || led_.rbegin()->second == server) return;
  breach(now, name(server) + " acknowledges a write of epoch " + std::to_string(epoch) + ", and " +
                  name(led_.rbegin()->second) + " leads under " + std::to_string(led_.rbegin()->first));
}

void Checker::follows(Tick now, std::size_t follower, std::size_t source, const std::vector<Server>& servers,
                      const Transactions& all) {
  const auto& mine = servers[follower].log;
  const auto& log = servers[source].log;
  const auto at = std::mismatch(mine.begin(), mine.end(), log.begin(), log.end()).first;
  const auto& server = servers[follower];
  const bool is_new =
      server.grew_at + just_now > now && (server.received_at < server.grew_at || was_started(server, now));
  if (at != mine.end() && !all[*at].errant && !is_new)
    breach(now, name(follower) + " is made to follow " + name(source) + ", which lacks what it has");
}

void Checker::forget_epochs() {
  led_.clear();
  wrote_.clear();
}

void Checker::breach(Tick now, const std::string& what) {
  if (breach_) return;
  breach_ = what;
  breached_at_ = now;
}

}  // namespace sluice::failover::simulator
