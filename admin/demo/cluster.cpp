#include "admin/demo/cluster.hpp"

#include <set>

#include "admin/demo/error.hpp"
#include "admin/demo/files.hpp"
#include "admin/demo/passwords.hpp"

namespace sluice::demo {

std::string_view to_string(Role role) {
  switch (role) {
    case Role::leader:
      return "leader";
    case Role::replica:
      return "replica";
    case Role::unknown:
      return "unknown";
    case Role::down:
      break;
  }
  return "down";
}

Cluster::Cluster(ClusterOptions options) : options_(std::move(options)) {
  options_.folder = fs::absolute(options_.folder).lexically_normal();
  if (options_.mysql56_folder.empty()) options_.mysql56_folder = options_.folder / "mysql-5.6";
  const KeyValues conf = read_key_values(conf_file());
  if (const auto flavour = conf.find("flavour"); flavour != conf.end()) {
    options_.flavour = parse_flavour(flavour->second).value_or(options_.flavour);
  }
  context_->flavour = options_.flavour;
  context_->lifetime = options_.lifetime;
  context_->patience = options_.patience;
  context_->passwords = cluster_passwords(options_.folder);
  load(conf);
}

void Cluster::load(const std::map<std::string, std::string>& conf) {
  for (unsigned number = 1;; ++number) {
    const auto port = conf.find("port." + std::to_string(number));
    if (port == conf.end()) break;
    Node& node = add_node(static_cast<std::uint16_t>(std::stoul(port->second)));
    const auto server_id = conf.find("server_id." + std::to_string(number));
    if (server_id != conf.end()) node.use_server_id(static_cast<std::uint32_t>(std::stoul(server_id->second)));
  }
  if (nodes_.empty()) {
    for (unsigned number = 0; number < options_.nodes; ++number) {
      add_node(pick_port(static_cast<std::uint16_t>(options_.first_port + number)));
    }
  }
  if (const auto leader = conf.find("leader"); leader != conf.end()) last_leader_ = std::stoul(leader->second) - 1;
  if (last_leader_ >= nodes_.size()) last_leader_ = 0;
}

void Cluster::save() const {
  KeyValues conf{{"flavour", std::string(to_string(options_.flavour))}, {"leader", std::to_string(last_leader_ + 1)}};
  for (std::size_t index = 0; index < nodes_.size(); ++index) {
    const std::string number = std::to_string(index + 1);
    conf["port." + number] = std::to_string(nodes_[index].port());
    conf["server_id." + number] = std::to_string(nodes_[index].server_id());
  }
  write_key_values(conf_file(), conf);
}

Node& Cluster::add_node(std::uint16_t port) {
  const auto number = static_cast<std::uint32_t>(nodes_.size() + 1);
  const std::string name = "db" + std::to_string(number);
  ServerSettings settings;
  settings.folder = options_.folder / "nodes" / name;
  settings.socket = settings.folder / "mysql.sock";
  settings.port = port;
  settings.server_id = number;
  settings.connections_max = options_.connections_max;
  settings.durable = options_.durable;
  settings.semi_sync = options_.semi_sync;
  settings.general_log = options_.general_log;
  settings.extra = options_.extra;
  return nodes_.emplace_back(name, std::move(settings), context_);
}

std::uint16_t Cluster::pick_port(std::uint16_t preferred) const {
  if (options_.pick_port) return options_.pick_port(preferred);
  std::set<std::uint16_t> taken;
  for (const auto& node : nodes_) taken.insert(node.port());
  const std::uint16_t port = free_port_from(preferred, taken);
  if (port != preferred) {
    say("port " + std::to_string(preferred) + " is taken: using " + std::to_string(port) + " instead");
  }
  return port;
}

void Cluster::say(const std::string& line) const {
  if (options_.progress) options_.progress(line);
}

void Cluster::prepare() {
  if (prepared_) return;
  make_folder(options_.folder / "nodes", 0755);
  const fs::path mysql56 = mysql56_folder(options_.mysql56_folder);
  context_->installation = find_installation(options_.flavour, mysql56, options_.progress);
  context_->run_as = server_account({options_.folder, context_->installation.server.parent_path()});
  if (!fs::exists(data_template())) {
    const fs::path draft = options_.folder / "template.new";
    make_data_template(context_->installation, draft, context_->run_as, options_.lock);
    fs::rename(draft, data_template());
  }
  save();
  prepared_ = true;
}

void Cluster::avoid_taken_ports() {
  for (auto& node : nodes_) {
    if (!node.running() && !port_is_free(node.port())) node.use_port(pick_port(node.port()));
  }
  save();
}

// A server set up from scratch gets a new server id: a replica skips events that carry its own, and the cluster's
// history may hold many that the server of that name wrote when it led.
void Cluster::provision_empty(Node& node) {
  constexpr std::uint32_t next_life = 100;
  if (node.ever_started()) node.use_server_id(node.server_id() + next_life);
  save();
  node.provision(data_template(), false);
}

void Cluster::start_all(std::vector<bool>& fresh) {
  for (std::size_t index = 0; index < nodes_.size(); ++index) {
    Node& node = nodes_[index];
    fresh[index] = !node.provisioned();
    if (node.running()) {
      node.resume();
      continue;
    }
    if (fresh[index]) provision_empty(node);
    node.start();
  }
  for (auto& node : nodes_) node.await_ready();
}

void Cluster::up() {
  prepare();
  avoid_taken_ports();
  std::vector<bool> fresh(nodes_.size());
  start_all(fresh);
  const std::size_t leader = find_leader(fresh);
  last_leader_ = leader;
  save();
  set_read_only(leader, false);
  const bool complete = history_is_complete(leader);
  for (std::size_t index = 0; index < nodes_.size(); ++index) {
    if (index == leader) continue;
    if (fresh[index] && !complete) {
      nodes_[index].wipe();
      seed(index, leader);
    }
    if (!follows(index, leader)) follow(index, leader);
  }
  await_semi_sync(leader);
}

void Cluster::stop() {
  for (auto& node : nodes_) node.stop();
}

void Cluster::kill() {
  for (auto& node : nodes_) node.kill();
}

}  // namespace sluice::demo
