#include "admin/demo/sql.hpp"

namespace sluice::demo {

Sql::Sql(const SqlAddress& address, std::chrono::seconds answer_bound) {
  // Not safe to run twice at once inside the library, and mysql_init would do it lazily in any thread.
  static const int library_ready = mysql_server_init(0, nullptr, nullptr);
  if (library_ready != 0) throw SqlError(0, "", "cannot start the client library");
  connection_.reset(mysql_init(nullptr));
  if (!connection_) throw SqlError(0, "", "out of memory");

  const auto bound = static_cast<unsigned>(answer_bound.count());
  for (const auto option : {MYSQL_OPT_CONNECT_TIMEOUT, MYSQL_OPT_READ_TIMEOUT, MYSQL_OPT_WRITE_TIMEOUT}) {
    mysql_options(connection_.get(), option, &bound);
  }
  mysql_options(connection_.get(), MYSQL_SET_CHARSET_NAME, "utf8mb4");
  const bool local = !address.socket.empty();
  const MYSQL* connected =
      mysql_real_connect(connection_.get(), local ? nullptr : address.host.c_str(), address.user.c_str(),
                         address.password.c_str(), address.schema.empty() ? nullptr : address.schema.c_str(),
                         local ? 0 : address.port, local ? address.socket.c_str() : nullptr, CLIENT_MULTI_STATEMENTS);
  if (connected == nullptr) fail();
}

void Sql::fail() const {
  MYSQL* connection = connection_.get();
  throw SqlError(mysql_errno(connection), mysql_sqlstate(connection), mysql_error(connection));
}

Sql::Result Sql::run(std::string_view statement) {
  if (mysql_real_query(raw(), statement.data(), statement.size()) != 0) fail();
  Result result(mysql_store_result(raw()));
  if (!result && mysql_errno(raw()) != 0) fail();
  return result;
}

void Sql::skip_further_results() {
  for (;;) {
    const int next = mysql_next_result(raw());
    if (next < 0) return;
    if (next > 0) fail();
    const Result ignored(mysql_store_result(raw()));
    if (!ignored && mysql_errno(raw()) != 0) fail();
  }
}

Rows Sql::query(std::string_view statement) {
  const Result result = run(statement);
  Rows rows;
  if (result) {
    const unsigned columns = mysql_num_fields(result.get());
    while (const MYSQL_ROW row = mysql_fetch_row(result.get())) {
      const unsigned long* lengths = mysql_fetch_lengths(result.get());
      Row& texts = rows.emplace_back(columns);
      for (unsigned column = 0; column < columns; ++column) {
        if (row[column] != nullptr) texts[column] = std::string(row[column], lengths[column]);
      }
    }
  }
  skip_further_results();
  return rows;
}

std::vector<Record> Sql::records(std::string_view statement) {
  const Result result = run(statement);
  std::vector<Record> records;
  if (result) {
    const unsigned columns = mysql_num_fields(result.get());
    const MYSQL_FIELD* fields = mysql_fetch_fields(result.get());
    while (const MYSQL_ROW row = mysql_fetch_row(result.get())) {
      const unsigned long* lengths = mysql_fetch_lengths(result.get());
      Record& record = records.emplace_back();
      for (unsigned column = 0; column < columns; ++column) {
        record[fields[column].name] = row[column] == nullptr ? "" : std::string(row[column], lengths[column]);
      }
    }
  }
  skip_further_results();
  return records;
}

std::string Sql::value(std::string_view statement) {
  const Rows rows = query(statement);
  if (rows.empty() || rows.front().empty()) return "";
  return rows.front().front().value_or("");
}

std::string Sql::quoted(std::string_view text) {
  std::string escaped(text.size() * 2 + 1, '\0');
  const auto length = mysql_real_escape_string(raw(), escaped.data(), text.data(), text.size());
  escaped.resize(length);
  return "'" + escaped + "'";
}

}  // namespace sluice::demo
