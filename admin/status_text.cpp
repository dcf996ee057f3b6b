// How a status looks: a compact table for people, an object for scripts. Pure.
#include <algorithm>
#include <charconv>
#include <cstdio>

#include "admin/printable.hpp"
#include "admin/status.hpp"

namespace sluice::admin {
namespace {

using Cells = std::vector<std::string>;

std::optional<std::size_t> index_of(const StatusTable& table, std::string_view column) {
  for (std::size_t i = 0; i < table.columns.size(); ++i) {
    if (table.columns[i].name == column) return i;
  }
  return std::nullopt;
}

std::string cell(const StatusTable& table, std::size_t row, std::string_view column) {
  const auto index = index_of(table, column);
  if (!index || row >= table.rows.size()) return {};
  return printable(table.rows[row].at(*index).value_or("-"), 200);
}

// Characters, not bytes: continuation bytes of UTF-8 take no column.
std::size_t width(const std::string& text) {
  return static_cast<std::size_t>(
      std::count_if(text.begin(), text.end(), [](char c) { return (static_cast<unsigned char>(c) & 0xc0) != 0x80; }));
}

// Columns as wide as their widest cell; the last one as it is.
std::string grid(const std::vector<Cells>& rows) {
  std::vector<std::size_t> widths;
  for (const Cells& row : rows) {
    widths.resize(std::max(widths.size(), row.size()));
    for (std::size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], width(row[i]));
  }
  std::string out;
  for (const Cells& row : rows) {
    for (std::size_t i = 0; i < row.size(); ++i) {
      out += row[i];
      if (i + 1 < row.size()) out.append(widths[i] - width(row[i]) + 2, ' ');
    }
    out += '\n';
  }
  return out;
}

std::string duration(const std::string& seconds_text) {
  std::uint64_t s = 0;
  std::from_chars(seconds_text.data(), seconds_text.data() + seconds_text.size(), s);
  if (s < 60) return std::to_string(s) + " s";
  if (s < 3600) return std::to_string(s / 60) + " min " + std::to_string(s % 60) + " s";
  if (s < 86400) return std::to_string(s / 3600) + " h " + std::to_string(s % 3600 / 60) + " min";
  return std::to_string(s / 86400) + " d " + std::to_string(s % 86400 / 3600) + " h";
}

std::string head(const Status& status) {
  const auto get = [&](std::string_view column) { return cell(status.proxy, 0, column); };
  return "sluice " + get("version") + ": " + get("state") + " for " + duration(get("uptime_s")) + ", pid " +
         get("pid") + ", clients on " + get("listening") + "\n" + "event loop " + get("io_reason") + "; " +
         get("workers") + " workers, config " + get("config") + "\n";
}

std::string clusters_text(const Status& status) {
  std::vector<Cells> rows{{"CLUSTER", "LEADER", "WHY"}};
  for (std::size_t i = 0; i < status.clusters.rows.size(); ++i) {
    const std::string leader = cell(status.clusters, i, "leader");
    rows.push_back(
        {cell(status.clusters, i, "cluster"), leader == "-" ? "NONE" : leader, cell(status.clusters, i, "reason")});
  }
  return grid(rows);
}

std::string servers_text(const Status& status) {
  std::vector<Cells> rows{{"CLUSTER", "SERVER", "ROLE", "HEALTH", "LAG", "BUSY", "IDLE", "WAITING", "WHY"}};
  const StatusTable& t = status.servers;
  for (std::size_t i = 0; i < t.rows.size(); ++i) {
    const std::string lag = cell(t, i, "lag_ms");
    rows.push_back({cell(t, i, "cluster"), cell(t, i, "server"), cell(t, i, "role"),
                    cell(t, i, "healthy") == "1" ? "ok" : "BAD", lag == "-" ? lag : lag + " ms", cell(t, i, "busy"),
                    cell(t, i, "idle"), cell(t, i, "waiting"), cell(t, i, "why")});
  }
  return grid(rows);
}

std::string sessions_text(const Status& status) {
  const StatusTable& t = status.sessions;
  if (t.rows.empty()) return "no sessions\n";
  std::vector<Cells> rows{{"USER", "CLUSTER", "SESSIONS", "ACTIVE", "IN TRANSACTION", "PINNED", "STATEMENTS"}};
  for (std::size_t i = 0; i < t.rows.size(); ++i) {
    const std::string user = cell(t, i, "user");
    rows.push_back({user.empty() ? "(logging on)" : user, cell(t, i, "cluster"), cell(t, i, "sessions"),
                    cell(t, i, "active"), cell(t, i, "in_transaction"), cell(t, i, "pinned"),
                    cell(t, i, "statements")});
  }
  return grid(rows);
}

std::string json_string(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') {
      out.append({'\\', c});
    } else if (static_cast<unsigned char>(c) < 0x20) {
      char escape[8];
      std::snprintf(escape, sizeof escape, "\\u%04x", static_cast<unsigned>(c));
      out += escape;
    } else {
      out += c;
    }
  }
  return out + "\"";
}

std::string json_object(const StatusTable& table, const std::vector<std::optional<std::string>>& row) {
  std::string out = "{";
  for (std::size_t i = 0; i < row.size(); ++i) {
    if (i > 0) out += ",";
    out += json_string(table.columns[i].name) + ":";
    if (!row[i]) {
      out += "null";
    } else {
      out += table.columns[i].integer ? *row[i] : json_string(*row[i]);
    }
  }
  return out + "}";
}

std::string json_array(const StatusTable& table) {
  std::string out = "[";
  for (const auto& row : table.rows) out += (out.size() > 1 ? "," : "") + json_object(table, row);
  return out + "]";
}

}  // namespace

std::string to_text(const Status& status) {
  return head(status) + "\n" + clusters_text(status) + "\n" + servers_text(status) + "\n" + sessions_text(status);
}

std::string to_json(const Status& status) {
  const std::string proxy = status.proxy.rows.empty() ? "null" : json_object(status.proxy, status.proxy.rows.front());
  return "{\"proxy\":" + proxy + ",\"clusters\":" + json_array(status.clusters) +
         ",\"servers\":" + json_array(status.servers) + ",\"sessions\":" + json_array(status.sessions) + "}\n";
}

bool all_well(const Status& status) {
  for (std::size_t i = 0; i < status.clusters.rows.size(); ++i) {
    if (cell(status.clusters, i, "leader") == "-") return false;
  }
  for (std::size_t i = 0; i < status.servers.rows.size(); ++i) {
    if (cell(status.servers, i, "healthy") != "1") return false;
  }
  return true;
}

}  // namespace sluice::admin
