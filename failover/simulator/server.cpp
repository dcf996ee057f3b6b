#include "failover/simulator/server.hpp"

#include <algorithm>

namespace sluice::failover::simulator {
namespace {

std::string set_text(const std::array<std::uint32_t, servers_max>& last, bool mysql) {
  std::string text;
  for (std::size_t i = 0; i < last.size(); ++i) {
    if (last[i] == 0) continue;
    if (!text.empty()) text += ',';
    text += mysql ? uuid_of(i) + ":1-" : "0-" + std::to_string(i + 1) + "-";
    text += std::to_string(last[i]);
  }
  return text;
}

}  // namespace

std::string uuid_of(std::size_t server) { return "00000000-0000-0000-0000-00000000000" + std::to_string(server); }

std::optional<std::uint32_t> Server::last_received() const {
  if (!relay.empty()) return relay.back();
  if (!log.empty()) return log.back();
  return std::nullopt;
}

bool Server::has(std::uint32_t transaction) const {
  return std::find(log.rbegin(), log.rend(), transaction) != log.rend() ||
         std::find(relay.begin(), relay.end(), transaction) != relay.end();
}

void Server::append(std::uint32_t transaction, const Transactions& all) {
  log.push_back(transaction);
  last_number[all[transaction].writer] = all[transaction].number;
}

std::uint32_t Server::next_number(std::size_t self, bool mysql, const Transactions& all) const {
  if (mysql) return last_number[self] + 1;
  return log.empty() ? 1 : all[log.back()].number + 1;
}

// A transaction has one predecessor wherever it is: if the last one is the same, all of them are.
bool Server::fits(const Server& of) const {
  const auto mine = length();
  if (mine == 0) return true;
  return mine <= of.log.size() && of.log[mine - 1] == *last_received();
}

void Server::follow(std::size_t from) {
  source = from;
  relay.clear();
  io_on = sql_on = true;
  connected = false;
}

void Server::crash(bool relay_is_lost) {
  up = hung = false;
  ++instance;
  waiting.clear();
  waits_no_more = false;
  connected = false;
  if (relay_is_lost) relay.clear();
}

std::string Server::executed(bool mysql) const { return set_text(last_number, mysql); }

std::string Server::received(bool mysql, const Transactions& all) const {
  auto last = last_number;
  for (const auto transaction : relay) last[all[transaction].writer] = all[transaction].number;
  return set_text(last, mysql);
}

}  // namespace sluice::failover::simulator
