// A client of a running sluice's admin SQL port, for the operator's subcommands. It blocks, with a bound on each wait.
//
// Flow: `auto client = AdminClient::connect(door, answer_seconds); auto table = client->ask("servers", sql);`
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "protocol/result.hpp"
#include "proxy/io/endpoint.hpp"

struct st_mysql;

namespace sluice::admin {

struct AdminDoor {
  io::Endpoint endpoint;
  std::string user;
  std::string password;
};

struct AnswerTable {
  struct Column {
    std::string name;
    bool integer = false;
  };
  std::string name;
  std::vector<Column> columns;
  std::vector<std::vector<std::optional<std::string>>> rows;
};

class AdminClient {
 public:
  // Connecting is bounded by 10 seconds, an answer by `answer_seconds`. Errors are for people and hold no password.
  [[nodiscard]] static Result<AdminClient, std::string> connect(const AdminDoor& door, unsigned answer_seconds);

  // `name` becomes the table's. The error is the server's own text.
  [[nodiscard]] Result<AnswerTable, std::string> ask(const char* name, const std::string& query);

 private:
  struct Close {
    void operator()(st_mysql* mysql) const;
  };
  using Connection = std::unique_ptr<st_mysql, Close>;
  explicit AdminClient(Connection connection) : connection_(std::move(connection)) {}
  Connection connection_;
};

// `text` as a string literal of the admin port's SQL; there is no way to write a quote in one, so those are left out.
[[nodiscard]] std::string sql_text(const std::string& text);

}  // namespace sluice::admin
