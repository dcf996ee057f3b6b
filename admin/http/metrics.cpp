#include "admin/http/metrics.hpp"

#include <initializer_list>
#include <map>
#include <string_view>
#include <tuple>
#include <utility>

namespace sluice::admin {
namespace {

using Labels = std::initializer_list<std::pair<std::string_view, std::string_view>>;

// Label values may hold anything but these three as they are.
std::string escaped(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c == '\\' || c == '"') out += '\\';
    out += c == '\n' ? ' ' : c;
  }
  return out;
}

class Page {
 public:
  // A metric family; its samples follow. Counters get the suffix that the format asks for.
  void family(std::string_view name, std::string_view type, std::string_view help) {
    name_ = "sluice_" + std::string(name) + (type == "counter" ? "_total" : "");
    text_.append("# HELP ").append(name_).append(" ").append(help).append("\n# TYPE ").append(name_).append(" ");
    text_.append(type).append("\n");
  }
  void sample(std::uint64_t value, Labels labels = {}) {
    text_ += name_;
    char before = '{';
    for (const auto& [label, content] : labels) {
      text_.append(1, before).append(label).append("=\"").append(escaped(content)).append("\"");
      before = ',';
    }
    text_.append(labels.size() > 0 ? "} " : " ").append(std::to_string(value)).append("\n");
  }
  [[nodiscard]] std::string take() { return std::move(text_); }

 private:
  std::string name_;
  std::string text_;
};

void write_clusters(Page& page, const AdminState& state) {
  page.family("cluster_has_leader", "gauge", "1 if a server of the cluster takes writes");
  for (const auto& c : state.clusters) page.sample(c.leader ? 1 : 0, {{"cluster", c.cluster}});
  page.family("gate_closed", "gauge", "1 while the cluster's gate is closed for a change of leader");
  for (const auto& g : state.report.gates) {
    page.sample(g.state == proxy::GateState::closed ? 1 : 0, {{"cluster", g.cluster}});
  }
  page.family("statements_waiting", "gauge", "statements that wait for a leader or at a closed gate");
  for (const auto& g : state.report.gates) page.sample(g.waiting, {{"cluster", g.cluster}});
  page.family("server_healthy", "gauge", "1 if the server may get queries of its role");
  for (const auto& c : state.clusters) {
    for (const auto& s : c.servers) page.sample(s.healthy ? 1 : 0, {{"cluster", c.cluster}, {"server", s.name}});
  }
  page.family("server_leader", "gauge", "1 if the server leads its cluster");
  for (const auto& c : state.clusters) {
    for (std::size_t i = 0; i < c.servers.size(); ++i) {
      page.sample(c.leader == i ? 1 : 0, {{"cluster", c.cluster}, {"server", c.servers[i].name}});
    }
  }
  page.family("server_lag_milliseconds", "gauge", "how far a replica is behind, as it says itself");
  for (const auto& c : state.clusters) {
    for (const auto& s : c.servers) {
      if (s.lag_ms) page.sample(*s.lag_ms, {{"cluster", c.cluster}, {"server", s.name}});
    }
  }
}

// Summed over the workers: how work is spread inside the process is for the admin tables.
void write_pools(Page& page, const AdminState& state) {
  std::map<std::tuple<std::string, std::string, std::string>, proxy::PoolRow> pools;
  for (const auto& row : state.report.pools) {
    proxy::PoolRow& sum = pools[{row.cluster, row.server, row.user}];
    sum.connecting += row.connecting;
    sum.idle += row.idle;
    sum.busy += row.busy;
    sum.kept += row.kept;
    sum.waiting += row.waiting;
    sum.statements += row.statements;
  }
  page.family("pool_connections", "gauge", "connections to servers");
  for (const auto& [key, sum] : pools) {
    const auto& [cluster, server, user] = key;
    const std::pair<std::string_view, std::uint32_t> states[] = {
        {"connecting", sum.connecting}, {"idle", sum.idle}, {"busy", sum.busy}, {"kept", sum.kept}};
    for (const auto& [name, value] : states) {
      page.sample(value, {{"cluster", cluster}, {"server", server}, {"user", user}, {"state", name}});
    }
  }
  page.family("pool_waiting", "gauge", "statements that wait for a connection");
  for (const auto& [key, sum] : pools) {
    const auto& [cluster, server, user] = key;
    page.sample(sum.waiting, {{"cluster", cluster}, {"server", server}, {"user", user}});
  }
  page.family("pool_statements", "counter", "statements sent");
  for (const auto& [key, sum] : pools) {
    const auto& [cluster, server, user] = key;
    page.sample(sum.statements, {{"cluster", cluster}, {"server", server}, {"user", user}});
  }
}

}  // namespace

std::string write_metrics(const AdminState& state) {
  Page page;
  page.family("info", "gauge", "the version that runs");
  page.sample(1, {{"version", state.process.version}, {"io", state.process.io}});
  page.family("start_time_seconds", "gauge", "when the process started, since 1970");
  page.sample(state.process.started_ms / 1000);
  page.family("hold_longest_milliseconds", "gauge", "the longest wait at a closed gate since the start");
  page.sample(state.report.hold_longest_ms);
  page.family("clients", "gauge", "client connections");
  page.sample(state.report.clients);
  page.family("buffer_bytes", "gauge", "bytes in network buffers");
  page.sample(state.report.buffer_bytes);
  proxy::for_each_counter(state.report.counters, [&](std::string_view name, std::uint64_t value) {
    page.family(name, "counter", "see the admin table counters");
    page.sample(value);
  });
  write_clusters(page, state);
  write_pools(page, state);
  return page.take();
}

Readiness readiness(const AdminState& state) {
  if (state.process.state == "draining") return {false, "draining"};
  for (const auto& c : state.clusters) {
    if (!c.leader) return {false, "cluster " + c.cluster + " has no leader: " + c.reason};
  }
  return {};
}

}  // namespace sluice::admin
