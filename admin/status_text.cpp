// How a status looks: a compact table for people, an object for scripts. Pure.
#include <boost/json.hpp>
#include <charconv>

#include "admin/answer_json.hpp"
#include "admin/printable.hpp"
#include "admin/status.hpp"
#include "admin/text_grid.hpp"

namespace sluice::admin {
namespace {

namespace json = boost::json;

std::optional<std::size_t> index_of(const AnswerTable& table, std::string_view column) {
  for (std::size_t i = 0; i < table.columns.size(); ++i) {
    if (table.columns[i].name == column) return i;
  }
  return std::nullopt;
}

std::string cell(const AnswerTable& table, std::size_t row, std::string_view column) {
  const auto index = index_of(table, column);
  if (!index || row >= table.rows.size()) return {};
  return printable(table.rows[row].at(*index).value_or("-"), 200);
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
  const AnswerTable& t = status.servers;
  for (std::size_t i = 0; i < t.rows.size(); ++i) {
    const std::string lag = cell(t, i, "lag_ms");
    rows.push_back({cell(t, i, "cluster"), cell(t, i, "server"), cell(t, i, "role"),
                    cell(t, i, "healthy") == "1" ? "ok" : "BAD", lag == "-" ? lag : lag + " ms", cell(t, i, "busy"),
                    cell(t, i, "idle"), cell(t, i, "waiting"), cell(t, i, "why")});
  }
  return grid(rows);
}

std::string sessions_text(const Status& status) {
  const AnswerTable& t = status.sessions;
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

}  // namespace

std::string to_text(const Status& status) {
  return head(status) + "\n" + clusters_text(status) + "\n" + servers_text(status) + "\n" + sessions_text(status);
}

std::string to_json(const Status& status) {
  const json::array proxy = json_rows(status.proxy);
  json::object all;
  all["proxy"] = proxy.empty() ? json::value(nullptr) : proxy.front();
  all["clusters"] = json_rows(status.clusters);
  all["servers"] = json_rows(status.servers);
  all["sessions"] = json_rows(status.sessions);
  return json::serialize(all) + "\n";
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
