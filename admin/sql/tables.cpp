#include "admin/sql/tables.hpp"

#include <algorithm>
#include <ctime>

#include "admin/sql/names.hpp"
#include "admin/sql/variables.hpp"

namespace sluice::admin {
namespace {

constexpr ColumnType integer = ColumnType::integer;

Value number(std::uint64_t n) { return static_cast<std::int64_t>(n); }
Value text(std::string_view t) { return std::string(t); }

std::string utc(std::uint64_t time_ms) {
  const auto seconds = static_cast<std::time_t>(time_ms / 1000);
  std::tm parts{};
  gmtime_r(&seconds, &parts);
  char out[40];
  const std::size_t size = std::strftime(out, sizeof out, "%Y-%m-%d %H:%M:%S", &parts);
  const std::string millis = std::to_string(1000 + time_ms % 1000);
  return std::string(out, size) + "." + millis.substr(1);
}

std::string_view role_name(failover::Role role) {
  switch (role) {
    case failover::Role::leader:
      return "leader";
    case failover::Role::replica:
      return "replica";
    case failover::Role::unknown:
      break;
  }
  return "unknown";
}

std::vector<Row> server_rows(const AdminState& state) {
  std::vector<Row> rows;
  const auto maintenance = [&](std::size_t cluster, std::size_t server) {
    return cluster < state.maintenance.size() && server < state.maintenance[cluster].size() &&
           state.maintenance[cluster][server];
  };
  for (std::size_t c = 0; c < state.clusters.size(); ++c) {
    const auto& cluster = state.clusters[c];
    for (std::size_t i = 0; i < cluster.servers.size(); ++i) {
      const auto& s = cluster.servers[i];
      rows.push_back({text(cluster.cluster), text(s.name), text(role_name(s.role)), number(s.healthy ? 1 : 0),
                      s.lag_ms ? number(*s.lag_ms) : Value{}, text(s.seen.position), number(s.seen.read_only ? 1 : 0),
                      text(s.seen.version), text(s.why), number(s.seen.server_id), number(s.seen.probe_us),
                      number(maintenance(c, i) ? 1 : 0)});
    }
  }
  return rows;
}

// "open", "settling for 20 ms, 5 sessions still open", "closed for 80 ms, 2 sessions still open".
std::string gate_text(const proxy::GateRow& gate) {
  if (gate.state == proxy::GateState::open) return "open";
  if (gate.state == proxy::GateState::opening) return "opening";
  const std::string state = gate.state == proxy::GateState::settling ? "settling" : "closed";
  return state + " for " + std::to_string(gate.closed_ms) + " ms, " + std::to_string(gate.open) +
         " sessions still open";
}

std::vector<Row> cluster_rows(const AdminState& state) {
  std::vector<Row> rows;
  rows.reserve(state.clusters.size());
  for (const auto& c : state.clusters) {
    const auto healthy = std::count_if(c.servers.begin(), c.servers.end(), [](const auto& s) { return s.healthy; });
    const bool led = c.leader && *c.leader < c.servers.size();
    rows.push_back({text(c.cluster), led ? text(c.servers[*c.leader].name) : Value{}, text(c.reason),
                    number(c.servers.size()), number(static_cast<std::uint64_t>(healthy))});
    const auto& gates = state.report.gates;
    const auto gate = std::find_if(gates.begin(), gates.end(), [&](const auto& g) { return g.cluster == c.cluster; });
    rows.back().push_back(gate == gates.end() ? Value{} : text(gate_text(*gate)));
    rows.back().push_back(gate == gates.end() ? Value{} : number(gate->waiting));
  }
  return rows;
}

std::string_view gate_name(proxy::GateState state) {
  switch (state) {
    case proxy::GateState::open:
      break;
    case proxy::GateState::settling:
      return "settling";
    case proxy::GateState::closed:
      return "closed";
    case proxy::GateState::opening:
      return "opening";
  }
  return "open";
}

std::vector<Row> gate_rows(const AdminState& state) {
  std::vector<Row> rows;
  rows.reserve(state.report.gates.size());
  for (const auto& g : state.report.gates) {
    rows.push_back({text(g.cluster), text(gate_name(g.state)), number(g.waiting), number(g.open), number(g.closed_ms)});
  }
  return rows;
}

std::vector<Row> pool_rows(const AdminState& state) {
  std::vector<Row> rows;
  rows.reserve(state.report.pools.size());
  for (const auto& p : state.report.pools) {
    rows.push_back({number(p.worker), text(p.cluster), text(p.server), text(p.user), number(p.connecting),
                    number(p.idle), number(p.busy), number(p.kept), number(p.waiting), number(p.limit),
                    number(p.statements)});
  }
  return rows;
}

std::vector<Row> session_rows(const AdminState& state) {
  std::vector<Row> rows;
  rows.reserve(state.report.sessions.size());
  for (const auto& s : state.report.sessions) {
    rows.push_back({number(s.id), number(s.worker), text(s.client), text(s.user), text(s.cluster), text(s.schema),
                    text(s.state), text(s.server), text(s.pin), number(s.in_transaction ? 1 : 0), number(s.tls ? 1 : 0),
                    number(s.statements), number(s.queued_bytes), number(s.connected_ms)});
  }
  return rows;
}

std::vector<Row> event_rows(const AdminState& state) {
  std::vector<Row> rows;
  rows.reserve(state.events.size());
  for (const auto& e : state.events) {
    rows.push_back({number(e.number), text(utc(e.time_ms)), text(to_string(e.event.severity)), text(e.event.kind),
                    text(e.event.text)});
  }
  return rows;
}

std::vector<Row> change_rows(const AdminState& state) {
  std::vector<Row> rows;
  rows.reserve(state.changes.size());
  for (const auto& c : state.changes) {
    rows.push_back({number(c.number), text(utc(c.begun_ms)), text(c.cluster), text(c.kind), text(c.from), text(c.to),
                    number(c.epoch), text(c.outcome), number(c.took_ms), text(c.reason)});
  }
  return rows;
}

std::vector<Row> change_step_rows(const AdminState& state) {
  std::vector<Row> rows;
  for (const auto& c : state.changes) {
    std::uint64_t place = 0;
    for (const auto& step : c.steps) {
      rows.push_back({number(c.number), number(++place), text(step.what), number(step.ok ? 1 : 0),
                      number(static_cast<std::uint64_t>(step.took.count())), text(step.error)});
    }
  }
  return rows;
}

std::vector<Row> counter_rows(const AdminState& state) {
  std::vector<Row> rows;
  proxy::for_each_counter(state.report.counters, [&](std::string_view name, std::uint64_t value) {
    rows.push_back({text(name), number(value)});
  });
  rows.push_back({text("hold_longest_ms"), number(state.report.hold_longest_ms)});
  rows.push_back({text("clients"), number(state.report.clients)});
  rows.push_back({text("buffer_bytes"), number(state.report.buffer_bytes)});
  return rows;
}

// "[[cluster]]", "monitor.user" of cluster main: "cluster.main.monitor.user".
std::string setting_name(const Setting& s) {
  std::string section = s.section;
  std::erase_if(section, [](char c) { return c == '[' || c == ']'; });
  return section + (s.item.empty() ? "" : "." + s.item) + "." + s.key;
}

std::vector<Row> setting_rows(const AdminState& state) {
  std::vector<Row> rows;
  rows.reserve(state.settings.size());
  for (const auto& s : state.settings) rows.push_back({text(setting_name(s)), text(s.value)});
  return rows;
}

std::vector<Row> process_rows(const AdminState& state) {
  const ProcessInfo& p = state.process;
  return {{text(p.version), number(static_cast<std::uint64_t>(p.pid)), text(p.io), text(p.io_reason), number(p.workers),
           text(p.listening), text(p.config), text(p.state), text(utc(p.started_ms)), number(p.uptime_ms / 1000)}};
}

std::vector<Row> variable_rows(const AdminState& /*state*/) {
  std::vector<Row> rows;
  for (const auto& v : system_variables()) rows.push_back({text(v.name), text(v.value)});
  return rows;
}

std::vector<Row> table_rows(const AdminState& /*state*/) {
  std::vector<Row> rows;
  for (const auto& t : admin_tables()) {
    if (t.shown) rows.push_back({text(t.name), text(t.meaning)});
  }
  return rows;
}

std::vector<Row> column_rows(const AdminState& /*state*/) {
  std::vector<Row> rows;
  for (const auto& t : admin_tables()) {
    for (const auto& c : t.columns) {
      rows.push_back({text(t.name), text(c.name), text(c.type == integer ? "bigint" : "text")});
    }
  }
  return rows;
}

std::vector<AdminTable> make_tables() {
  return {
      {"servers",
       "every server: role, health and why",
       {{"cluster"},
        {"server"},
        {"role"},
        {"healthy", integer},
        {"lag_ms", integer},
        {"position"},
        {"read_only", integer},
        {"version"},
        {"why"},
        {"server_id", integer},
        {"probe_us", integer},
        {"maintenance", integer}},
       server_rows},
      {"clusters",
       "every cluster: its leader, or why there is none",
       {{"name"}, {"leader"}, {"reason"}, {"servers", integer}, {"healthy", integer}, {"gate"}, {"held", integer}},
       cluster_rows},
      {"gates",
       "every cluster's gate: whether new work waits, how much, and what is still open on the leader",
       {{"cluster"}, {"state"}, {"waiting", integer}, {"open", integer}, {"closed_ms", integer}},
       gate_rows},
      {"pools",
       "connections to servers, by worker, server and user",
       {{"worker", integer},
        {"cluster"},
        {"server"},
        {"user"},
        {"connecting", integer},
        {"idle", integer},
        {"kept", integer},
        {"busy", integer},
        {"waiting", integer},
        {"limit", integer},
        {"statements", integer}},
       pool_rows},
      {"sessions",
       "every client: what it does, on which server, and why it is pinned",
       {{"id", integer},
        {"worker", integer},
        {"client"},
        {"user"},
        {"cluster"},
        {"schema"},
        {"state"},
        {"server"},
        {"pin"},
        {"in_transaction", integer},
        {"tls", integer},
        {"statements", integer},
        {"queued_bytes", integer},
        {"connected_ms", integer}},
       session_rows},
      {"events",
       "what happened, oldest first (UTC)",
       {{"number", integer}, {"time"}, {"severity"}, {"kind"}, {"text"}},
       event_rows},
      {"history",
       "changes of leader that were tried, oldest first (UTC): how each ended, and why",
       {{"number", integer},
        {"time"},
        {"cluster"},
        {"kind"},
        {"from_server"},
        {"to_server"},
        {"epoch", integer},
        {"state"},
        {"took_ms", integer},
        {"reason"}},
       change_rows},
      {"history_steps",
       "what was done for each of them",
       {{"number", integer}, {"step", integer}, {"what"}, {"ok", integer}, {"took_us", integer}, {"error"}},
       change_step_rows},
      {"counters", "totals since the start", {{"name"}, {"value", integer}}, counter_rows},
      {"settings", "the configuration that runs; passwords are masked", {{"name"}, {"value"}}, setting_rows},
      {"proxy",
       "this process",
       {{"version"},
        {"pid", integer},
        {"io"},
        {"io_reason"},
        {"workers", integer},
        {"listening"},
        {"config"},
        {"state"},
        {"started"},
        {"uptime_s", integer}},
       process_rows},
      {"variables", "what @@name answers", {{"name"}, {"value"}}, variable_rows, false},
      {"tables", "the admin tables", {{"name"}, {"meaning"}}, table_rows, false},
      {"columns", "and their columns", {{"table_name"}, {"name"}, {"type"}}, column_rows, false},
  };
}

}  // namespace

std::span<const AdminTable> admin_tables() {
  static const std::vector<AdminTable> tables = make_tables();
  return tables;
}

const AdminTable* find_admin_table(std::string_view name) {
  for (const AdminTable& t : admin_tables()) {
    if (same_name(t.name, name)) return &t;
  }
  return nullptr;
}

std::string admin_table_names() {
  std::string out;
  for (const AdminTable& t : admin_tables()) {
    if (t.shown) out.append(out.empty() ? "" : ", ").append(t.name);
  }
  return out;
}

}  // namespace sluice::admin
