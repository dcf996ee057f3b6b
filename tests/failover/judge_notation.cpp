#include "failover/judge_notation.hpp"

#include <sstream>
#include <stdexcept>

namespace sluice::failover::testing {
namespace {

std::vector<std::string> split(std::string_view text, char separator) {
  std::vector<std::string> parts;
  std::istringstream in{std::string(text)};
  for (std::string part; std::getline(in, part, separator);) {
    if (!part.empty()) parts.push_back(part);
  }
  return parts;
}

// Servers are called A, B, …, listen on 3306 and have the server ids 1, 2, …
std::uint32_t id_of(const std::string& server) { return static_cast<std::uint32_t>(server.at(0) - 'A' + 1); }

ReplicationChannel parse_channel(const std::string& text) {
  const auto parts = split(text, '/');
  ReplicationChannel channel;
  channel.source_host = parts.at(0);
  channel.source_port = 3306;
  channel.source_server_id = id_of(parts.at(0));
  channel.io_running = channel.sql_running = true;
  channel.lag_ms = 0;
  for (std::size_t i = 1; i < parts.size(); ++i) {
    const auto key = parts[i].substr(0, parts[i].find('='));
    const auto value = key.size() < parts[i].size() ? parts[i].substr(key.size() + 1) : std::string();
    if (key == "stopped" || key == "io") channel.io_running = false;
    if (key == "stopped" || key == "sql") channel.sql_running = false;
    if (key == "io") channel.last_io_error = "error connecting to source";
    if (key == "sql") channel.last_sql_error = "Duplicate entry '7' for key 'PRIMARY'";
    if (key == "stopped" || key == "io" || key == "sql" || value == "null") channel.lag_ms.reset();
    if (key == "lag" && value != "null") channel.lag_ms = std::stoull(value);
    if (key == "delay") channel.delay_s = static_cast<std::uint32_t>(std::stoul(value));
    if (key == "id") channel.source_server_id = static_cast<std::uint32_t>(std::stoul(value));
  }
  return channel;
}

const char* role_text(Role role) {
  switch (role) {
    case Role::leader:
      return "leader ";
    case Role::replica:
      return "replica";
    case Role::unknown:
      break;
  }
  return "unknown";
}

}  // namespace

Cluster parse_cluster(std::string_view line) {
  Cluster cluster;
  for (const auto& word : split(line, ' ')) {
    const auto colon = word.find(':');
    if (colon == std::string::npos) throw std::invalid_argument("no server: " + word);
    const auto parts = split(std::string_view(word).substr(colon + 1), '<');
    const auto name = word.substr(0, colon);
    ServerObservation seen;
    seen.reachable = parts.at(0) != "down";
    seen.read_only = parts.at(0) == "ro";
    seen.server_id = id_of(name);
    if (!seen.reachable) {
      seen.error = "connection refused";
      seen.unreachable_since = "12:00";
    }
    for (std::size_t i = 1; i < parts.size(); ++i) seen.channels.push_back(parse_channel(parts[i]));
    cluster.names.push_back(name + ":3306");
    cluster.observations.push_back(std::move(seen));
  }
  return cluster;
}

std::string describe(const ClusterState& state) {
  std::string text = state.leader ? "leader " + state.servers[*state.leader].name : std::string("no leader");
  text += ": " + state.reason + "\n";
  for (const auto& server : state.servers)
    text +=
        "  " + server.name + "  " + role_text(server.role) + (server.healthy ? "  ok  " : "  --  ") + server.why + "\n";
  return text;
}

}  // namespace sluice::failover::testing
