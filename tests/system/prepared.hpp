// A prepared statement of a client, with text parameters and text results.
//
// Flow: `Prepared find(sql, "SELECT v FROM t WHERE id = ?"); Rows rows = find.run({"5"});`
#pragma once

#include <mysql.h>

#include <array>
#include <memory>
#include <string>
#include <vector>

#include "support/test_cluster.hpp"

namespace sluice::test {

class Prepared {
 public:
  Prepared(Sql& sql, const std::string& text) : statement_(mysql_stmt_init(sql.raw())) {
    if (mysql_stmt_prepare(statement_.get(), text.data(), text.size()) != 0) fail();
  }

  Rows run(const std::vector<std::string>& values = {}) {
    std::vector<MYSQL_BIND> binds(values.size());
    std::vector<unsigned long> lengths(values.size());
    for (std::size_t i = 0; i < values.size(); ++i) {
      lengths[i] = values[i].size();
      binds[i] = {};
      binds[i].buffer_type = MYSQL_TYPE_STRING;
      binds[i].buffer = const_cast<char*>(values[i].data());  // read only
      binds[i].buffer_length = lengths[i];
      binds[i].length = &lengths[i];
    }
    if (!values.empty() && mysql_stmt_bind_param(statement_.get(), binds.data()) != 0) fail();
    if (mysql_stmt_execute(statement_.get()) != 0) fail();
    return rows();
  }

 private:
  static constexpr std::size_t value_max = 4096;

  struct Close {
    void operator()(MYSQL_STMT* statement) const { mysql_stmt_close(statement); }
  };

  Rows rows() {
    Rows result;
    const unsigned columns = mysql_stmt_field_count(statement_.get());
    if (columns == 0) return result;
    std::vector<std::array<char, value_max>> values(columns);
    std::vector<unsigned long> lengths(columns);
    std::vector<my_bool> nulls(columns);
    std::vector<MYSQL_BIND> binds(columns);
    for (unsigned i = 0; i < columns; ++i) {
      binds[i].buffer_type = MYSQL_TYPE_STRING;
      binds[i].buffer = values[i].data();
      binds[i].buffer_length = value_max;
      binds[i].length = &lengths[i];
      binds[i].is_null = &nulls[i];
    }
    if (mysql_stmt_bind_result(statement_.get(), binds.data()) != 0) fail();
    if (mysql_stmt_store_result(statement_.get()) != 0) fail();
    for (int step = mysql_stmt_fetch(statement_.get()); step != MYSQL_NO_DATA;
         step = mysql_stmt_fetch(statement_.get())) {
      if (step == 1) fail();
      auto& row = result.emplace_back();
      for (unsigned i = 0; i < columns; ++i) {
        row.push_back(nulls[i] != 0 ? std::nullopt : std::optional(std::string(values[i].data(), lengths[i])));
      }
    }
    mysql_stmt_free_result(statement_.get());
    return result;
  }

  [[noreturn]] void fail() const {
    throw SqlError(mysql_stmt_errno(statement_.get()), mysql_stmt_sqlstate(statement_.get()),
                   mysql_stmt_error(statement_.get()));
  }

  std::unique_ptr<MYSQL_STMT, Close> statement_;
};

}  // namespace sluice::test
