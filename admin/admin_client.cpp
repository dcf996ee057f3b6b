#include "admin/admin_client.hpp"

#include <mysql.h>

#include <algorithm>
#include <utility>

namespace sluice::admin {
namespace {

struct Free {
  void operator()(MYSQL_RES* result) const { mysql_free_result(result); }
};
using Answer = std::unique_ptr<MYSQL_RES, Free>;

bool is_integer(const MYSQL_FIELD& field) { return field.type == MYSQL_TYPE_LONGLONG; }

}  // namespace

void AdminClient::Close::operator()(st_mysql* mysql) const { mysql_close(mysql); }

Result<AdminClient, std::string> AdminClient::connect(const AdminDoor& door, unsigned answer_seconds) {
  Connection connection(mysql_init(nullptr));
  if (!connection) return std::string("out of memory");
  MYSQL* mysql = connection.get();
  const unsigned connect_seconds = 10;
  const unsigned tcp = MYSQL_PROTOCOL_TCP;
  mysql_options(mysql, MYSQL_OPT_CONNECT_TIMEOUT, &connect_seconds);
  mysql_options(mysql, MYSQL_OPT_READ_TIMEOUT, &answer_seconds);
  mysql_options(mysql, MYSQL_OPT_WRITE_TIMEOUT, &connect_seconds);
  const bool is_unix = door.endpoint.is_unix();
  if (!is_unix) mysql_options(mysql, MYSQL_OPT_PROTOCOL, &tcp);
  const char* host = is_unix ? "localhost" : door.endpoint.host.c_str();
  const char* socket = is_unix ? door.endpoint.unix_path.c_str() : nullptr;
  if (mysql_real_connect(mysql, host, door.user.c_str(), door.password.c_str(), nullptr, door.endpoint.port, socket,
                         0) == nullptr) {
    return "cannot reach the admin port " + door.endpoint.to_string() + ": " + mysql_error(mysql);
  }
  return AdminClient(std::move(connection));
}

Result<AnswerTable, std::string> AdminClient::ask(const char* name, const std::string& query) {
  MYSQL* mysql = connection_.get();
  if (mysql_real_query(mysql, query.data(), query.size()) != 0) return std::string(mysql_error(mysql));
  const Answer answer(mysql_store_result(mysql));
  if (!answer) return std::string(mysql_errno(mysql) != 0 ? mysql_error(mysql) : "the answer has no rows");
  AnswerTable table;
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

std::string sql_text(const std::string& text) {
  std::string inside = text;
  std::erase(inside, '\'');
  return "'" + inside + "'";
}

}  // namespace sluice::admin
