// What is asked for `sluice status`: the queries decide what is shown.
#include <tuple>
#include <utility>

#include "admin/status.hpp"

namespace sluice::admin {
namespace {

constexpr const char* proxy_query =
    "SELECT version, pid, state, uptime_s, io, io_reason, workers, listening, config FROM proxy";
constexpr const char* clusters_query = "SELECT name AS cluster, leader, reason FROM clusters";
constexpr const char* servers_query =
    "SELECT s.cluster, s.server, s.role, s.healthy, s.lag_ms, p.busy, p.idle, p.waiting, s.why FROM servers s LEFT "
    "JOIN "
    "(SELECT cluster, server, sum(busy) AS busy, sum(idle) AS idle, sum(waiting) AS waiting FROM pools GROUP BY 1, 2) "
    "p "
    "ON p.cluster = s.cluster AND p.server = s.server";
constexpr const char* sessions_query =
    "SELECT user, cluster, count(*) AS sessions, sum(state NOT LIKE 'idle%') AS active, sum(in_transaction) AS "
    "in_transaction, sum(pin <> '') AS pinned, sum(statements) AS statements FROM sessions GROUP BY 1, 2 ORDER BY 1, 2";

constexpr unsigned answer_seconds = 10;

}  // namespace

Result<Status, std::string> fetch_status(const AdminDoor& door) {
  auto client = AdminClient::connect(door, answer_seconds);
  if (!client) return client.error();
  Status status;
  const std::tuple<AnswerTable*, const char*, const char*> parts[] = {{&status.proxy, "proxy", proxy_query},
                                                                      {&status.clusters, "clusters", clusters_query},
                                                                      {&status.servers, "servers", servers_query},
                                                                      {&status.sessions, "sessions", sessions_query}};
  for (const auto& [table, name, query] : parts) {
    auto answer = client->ask(name, query);
    if (!answer) return "the admin port did not answer: " + answer.error();
    *table = std::move(*answer);
  }
  return status;
}

}  // namespace sluice::admin
