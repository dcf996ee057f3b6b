// Asking over MariaDB Connector/C. What is shown is decided by the queries here.
#include <mysql.h>

#include <memory>
#include <tuple>
#include <utility>

#include "admin/status.hpp"

namespace sluice::admin {
namespace {

struct Close {
  void operator()(MYSQL* mysql) const { mysql_close(mysql); }
  void operator()(MYSQL_RES* result) const { mysql_free_result(result); }
};
using Connection = std::unique_ptr<MYSQL, Close>;
using Answer = std::unique_ptr<MYSQL_RES, Close>;

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

bool is_integer(const MYSQL_FIELD& field) { return field.type == MYSQL_TYPE_LONGLONG; }

std::optional<StatusTable> ask(MYSQL* mysql, const char* name, const char* query) {
  if (mysql_query(mysql, query) != 0) return std::nullopt;
  const Answer answer(mysql_store_result(mysql));
  if (!answer) return std::nullopt;
  StatusTable table;
  table.name = name;
  const unsigned columns = mysql_num_fields(answer.get());
  for (unsigned i = 0; i < columns; ++i) {
    const MYSQL_FIELD* field = mysql_fetch_field_direct(answer.get(), i);
    table.columns.push_back({field->name, is_integer(*field)});
  }
  while (MYSQL_ROW row = mysql_fetch_row(answer.get())) {
    const unsigned long* lengths = mysql_fetch_lengths(answer.get());
    auto& out = table.rows.emplace_back(columns);
    for (unsigned i = 0; i < columns; ++i) {
      if (row[i] != nullptr) out[i].emplace(row[i], lengths[i]);
    }
  }
  return table;
}

}  // namespace

Result<Status, std::string> fetch_status(const AdminDoor& door) {
  const Connection connection(mysql_init(nullptr));
  if (!connection) return std::string("out of memory");
  MYSQL* mysql = connection.get();
  const unsigned seconds = 10;
  const unsigned tcp = MYSQL_PROTOCOL_TCP;
  mysql_options(mysql, MYSQL_OPT_CONNECT_TIMEOUT, &seconds);
  mysql_options(mysql, MYSQL_OPT_READ_TIMEOUT, &seconds);
  mysql_options(mysql, MYSQL_OPT_WRITE_TIMEOUT, &seconds);
  const bool is_unix = door.endpoint.is_unix();
  if (!is_unix) mysql_options(mysql, MYSQL_OPT_PROTOCOL, &tcp);
  const char* host = is_unix ? "localhost" : door.endpoint.host.c_str();
  const char* socket = is_unix ? door.endpoint.unix_path.c_str() : nullptr;
  const auto failed = [&](const std::string& what) { return what + ": " + mysql_error(mysql); };
  if (mysql_real_connect(mysql, host, door.user.c_str(), door.password.c_str(), nullptr, door.endpoint.port, socket,
                         0) == nullptr) {
    return failed("cannot reach the admin port " + door.endpoint.to_string());
  }
  Status status;
  const std::tuple<StatusTable*, const char*, const char*> parts[] = {{&status.proxy, "proxy", proxy_query},
                                                                      {&status.clusters, "clusters", clusters_query},
                                                                      {&status.servers, "servers", servers_query},
                                                                      {&status.sessions, "sessions", sessions_query}};
  for (const auto& [table, name, query] : parts) {
    auto answer = ask(mysql, name, query);
    if (!answer) return failed("the admin port did not answer");
    *table = std::move(*answer);
  }
  return status;
}

}  // namespace sluice::admin
