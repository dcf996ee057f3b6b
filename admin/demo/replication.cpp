// The part of Cluster that speaks of replication: roles, following, promoting, joining from scratch.
#include <algorithm>

#include "admin/demo/cluster.hpp"
#include "admin/demo/error.hpp"
#include "admin/demo/files.hpp"
#include "admin/demo/wait.hpp"

namespace sluice::demo {
namespace {

// A server that is told to wait for a position says itself when it has waited for too long: it is given time for that.
constexpr unsigned longer_than_a_wait = 2;

// MySQL 5.6 that was killed before its leader had told it anything can't recover its relay log, in which there is
// nothing.
constexpr unsigned relay_log_unusable = 1872;

// Empty: follows nobody.
Record replica_status(Sql& sql) {
  auto rows = sql.records("SHOW SLAVE STATUS");
  return rows.empty() ? Record{} : std::move(rows.front());
}

bool is_yes(const Record& status, const char* column) {
  const auto found = status.find(column);
  return found != status.end() && found->second == "Yes";
}

std::string text(const Record& status, const char* column) {
  const auto found = status.find(column);
  return found == status.end() ? "" : found->second;
}

}  // namespace

Role Cluster::role(std::size_t index) const {
  if (nodes_.at(index).hangs()) return Role::down;
  try {
    Sql sql = nodes_.at(index).sql(options_.patience.answer);
    if (!replica_status(sql).empty()) return Role::replica;
    return sql.value("SELECT @@GLOBAL.read_only") == "0" ? Role::leader : Role::unknown;
  } catch (const SqlError&) {
    return Role::down;
  }
}

std::size_t Cluster::leader_index() const {
  std::vector<std::size_t> leaders;
  for (std::size_t index = 0; index < nodes_.size(); ++index) {
    if (role(index) == Role::leader) leaders.push_back(index);
  }
  if (leaders.size() == 1) return leaders.front();
  throw DemoError(leaders.empty() ? "no server of this cluster leads: none is writable and follows nobody"
                                  : "more than one server of this cluster is writable and follows nobody");
}

// After a start every server is read-only, so the leader is known by whom the others follow; a server that was made
// just now (`fresh`) has no say unless all are new.
std::size_t Cluster::find_leader(const std::vector<bool>& fresh) const {
  const bool all_fresh = std::ranges::all_of(fresh, [](bool is_fresh) { return is_fresh; });
  if (all_fresh) return last_leader_;
  std::vector<std::size_t> followers(nodes_.size(), 0);
  std::vector<bool> candidate(nodes_.size(), false);
  for (std::size_t index = 0; index < nodes_.size(); ++index) {
    Sql sql = nodes_[index].sql();
    const Record status = replica_status(sql);
    candidate[index] = status.empty() && !fresh[index];
    for (std::size_t other = 0; other < nodes_.size(); ++other) {
      if (text(status, "Master_Port") == std::to_string(nodes_[other].port())) ++followers[other];
    }
  }
  std::size_t best = last_leader_;
  for (std::size_t index = 0; index < nodes_.size(); ++index) {
    if (!candidate[index]) continue;
    if (!candidate[best] || followers[index] > followers[best]) best = index;
  }
  if (candidate[best]) return best;
  throw DemoError("every server of this cluster follows another: promote one by hand, or make the demo anew");
}

void Cluster::set_read_only(std::size_t index, bool read_only) {
  nodes_.at(index).sql().exec(read_only ? "SET GLOBAL read_only = 1" : "SET GLOBAL read_only = 0");
}

bool Cluster::follows(std::size_t index, std::size_t leader) const {
  Sql sql = nodes_.at(index).sql();
  const Record status = replica_status(sql);
  return text(status, "Master_Port") == std::to_string(nodes_.at(leader).port()) &&
         is_yes(status, "Slave_IO_Running") && is_yes(status, "Slave_SQL_Running");
}

void Cluster::follow(std::size_t index, std::size_t leader) {
  Sql sql = nodes_.at(index).sql();
  sql.exec("SET GLOBAL read_only = 1");
  // A server that led for a while has been told to acknowledge nothing.
  if (options_.semi_sync && has_semi_sync(options_.flavour)) sql.exec("SET GLOBAL rpl_semi_sync_slave_enabled = 1");
  const LeaderAddress address{"127.0.0.1", nodes_.at(leader).port(), passwords().replication};
  const auto begin = [&] {
    for (const auto& statement : follow_statements(options_.flavour, address)) sql.exec(statement);
  };
  try {
    begin();
  } catch (const SqlError& error) {
    if (error.code() != relay_log_unusable) throw;
    sql.exec("RESET SLAVE");
    begin();
  }
  await_replication(index);
}

void Cluster::await_replication(std::size_t index) {
  Sql sql = nodes_.at(index).sql();
  Record status;
  const auto settled = [&] {
    status = replica_status(sql);
    const bool io = is_yes(status, "Slave_IO_Running");
    const bool applier = is_yes(status, "Slave_SQL_Running");
    const bool broken = (text(status, "Slave_IO_Running") == "No" && text(status, "Last_IO_Errno") != "0") ||
                        (!applier && text(status, "Last_SQL_Errno") != "0");
    return (io && applier) || broken;
  };
  if (await(settled, options_.patience.step) && is_yes(status, "Slave_IO_Running") &&
      is_yes(status, "Slave_SQL_Running")) {
    return;
  }
  throw DemoError(nodes_[index].name() + " does not replicate: " + text(status, "Last_IO_Error") + " " +
                  text(status, "Last_SQL_Error") + "\nIf its data has gone its own way, set it up from scratch.");
}

void Cluster::await_semi_sync(std::size_t leader) {
  if (!options_.semi_sync || !has_semi_sync(options_.flavour)) return;
  unsigned long replicas = 0;
  for (std::size_t index = 0; index < nodes_.size(); ++index) replicas += role(index) == Role::replica ? 1 : 0;
  Sql sql = nodes_.at(leader).sql();
  const auto all_acknowledge = [&] {
    const auto rows = sql.query("SHOW GLOBAL STATUS LIKE 'Rpl_semi_sync_master_clients'");
    return !rows.empty() && std::stoul(rows.front().at(1).value_or("0")) >= replicas;
  };
  if (await(all_acknowledge, options_.patience.step)) return;
  throw DemoError("not all replicas acknowledge semi-synchronously to " + nodes_[leader].name());
}

void Cluster::await_replicated() {
  const std::size_t leader = leader_index();
  const std::string position = nodes_[leader].sql().value(position_query(options_.flavour));
  if (position.empty()) return;
  for (std::size_t index = 0; index < nodes_.size(); ++index) {
    if (index == leader || role(index) != Role::replica) continue;
    Sql sql = nodes_[index].sql(longer_than_a_wait * options_.patience.step);
    const auto seconds = static_cast<unsigned>(options_.patience.step.count());
    const std::string left = sql.value(await_position_query(options_.flavour, position, seconds));
    if (left.empty() || left == "-1" || (left == "1" && options_.flavour == Flavour::mariadb)) {
      const Record status = replica_status(sql);
      throw DemoError(nodes_[index].name() + " did not reach " + position + " within " + std::to_string(seconds) +
                      " s: " + text(status, "Last_IO_Error") + " " + text(status, "Last_SQL_Error"));
    }
  }
}

// What the candidate received before its leader died is applied before it leads.
void Cluster::await_relay_log_applied(Sql& sql, std::size_t index) {
  sql.exec("STOP SLAVE IO_THREAD");
  const Record status = replica_status(sql);
  const bool mariadb = options_.flavour == Flavour::mariadb;
  const std::string received = text(status, mariadb ? "Gtid_IO_Pos" : "Retrieved_Gtid_Set");
  if (received.empty()) return;
  const auto seconds = static_cast<unsigned>(options_.patience.step.count());
  const std::string waited = sql.value(await_position_query(options_.flavour, received, seconds));
  if (waited != "-1" && !waited.empty()) return;
  throw DemoError(nodes_[index].name() + " did not apply what it received up to " + received);
}

void Cluster::promote(std::size_t index) {
  if (role(index) == Role::leader) return;
  Sql candidate = nodes_.at(index).sql(longer_than_a_wait * options_.patience.step);
  for (std::size_t other = 0; other < nodes_.size(); ++other) {
    if (role(other) != Role::leader) continue;
    set_read_only(other, true);
    const std::string position = nodes_[other].sql().value(position_query(options_.flavour));
    if (!position.empty()) {
      const auto seconds = static_cast<unsigned>(options_.patience.step.count());
      candidate.exec(await_position_query(options_.flavour, position, seconds));
    }
  }
  await_relay_log_applied(candidate, index);
  candidate.exec("STOP SLAVE");
  candidate.exec("RESET SLAVE ALL");
  if (options_.semi_sync && has_semi_sync(options_.flavour))
    candidate.exec("SET GLOBAL rpl_semi_sync_master_enabled = 1");
  candidate.exec("SET GLOBAL read_only = 0");
  last_leader_ = index;
  save();
  for (std::size_t other = 0; other < nodes_.size(); ++other) {
    if (other != index && role(other) != Role::down) follow(other, index);
  }
  await_semi_sync(index);
}

bool Cluster::history_is_complete(std::size_t leader) const {
  Sql sql = nodes_.at(leader).sql();
  const auto logs = sql.query("SHOW BINARY LOGS");
  if (logs.empty()) return false;
  return sql.value(missing_history_query(options_.flavour, logs.front().front().value_or(""))).empty();
}

// An empty server when the leader still has every event; else a copy of another replica, stopped for the copying.
void Cluster::seed(std::size_t index, std::size_t leader) {
  Node& node = nodes_.at(index);
  if (history_is_complete(leader)) {
    provision_empty(node);
  } else {
    std::size_t donor = 0;
    while (donor < nodes_.size() && (donor == index || role(donor) != Role::replica)) ++donor;
    if (donor == nodes_.size()) {
      throw DemoError("cannot set up " + node.name() +
                      ": the leader's binary logs no longer go back to the start, and "
                      "there is no other replica to copy from");
    }
    nodes_[donor].stop();
    node.provision(nodes_[donor].folder() / "data", true);
    nodes_[donor].start();
    nodes_[donor].await_ready();
  }
  node.start();
  node.await_ready();
}

void Cluster::rejoin_fresh(std::size_t index) {
  prepare();
  const std::size_t leader = leader_index();
  if (leader == index) throw DemoError(nodes_.at(index).name() + " leads: its data is the cluster's");
  nodes_.at(index).wipe();
  seed(index, leader);
  follow(index, leader);
  await_semi_sync(leader);
}

std::size_t Cluster::add_replica() {
  prepare();
  const std::size_t leader = leader_index();
  add_node(pick_port(static_cast<std::uint16_t>(nodes_.back().port() + 1)));
  save();
  const std::size_t index = nodes_.size() - 1;
  seed(index, leader);
  follow(index, leader);
  await_semi_sync(leader);
  return index;
}

}  // namespace sluice::demo
