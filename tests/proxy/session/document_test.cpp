// docs/sessions.md says what is so: each statement of its tables is run, and the tie that it tells is looked up.
#include <fstream>
#include <sstream>

#include "proxy/session/proxy_test.hpp"
#include "router/classify.hpp"

namespace sluice::proxy {
namespace {

std::vector<std::string> cells_of(const std::string& line) {
  std::vector<std::string> cells;
  std::stringstream in(line.substr(1));
  for (std::string cell; std::getline(in, cell, '|');) cells.push_back(cell);
  return cells;
}

std::vector<std::string> statements_of(const std::string& cell) {
  std::vector<std::string> statements;
  std::size_t at = 0;
  while ((at = cell.find('`', at)) != std::string::npos) {
    const std::size_t end = cell.find('`', at + 1);
    if (end == std::string::npos) break;
    statements.push_back(cell.substr(at + 1, end - at - 1));
    at = end + 1;
  }
  return statements;
}

std::string trimmed(const std::string& text) {
  const std::size_t first = text.find_first_not_of(' ');
  return first == std::string::npos ? "" : text.substr(first, text.find_last_not_of(' ') - first + 1);
}

// The rows of the table under that heading.
std::vector<std::vector<std::string>> table(const std::string& heading) {
  std::ifstream file(SLUICE_DOCS_DIR "/sessions.md");
  std::vector<std::vector<std::string>> rows;
  bool here = false;
  int skip = 2;  // the head and the line under it
  for (std::string line; std::getline(file, line);) {
    if (line.starts_with("## ")) here = line == "## " + heading;
    if (here && line.starts_with('|') && --skip < 0) rows.push_back(cells_of(line));
  }
  EXPECT_GT(rows.size(), 5U) << heading;
  return rows;
}

class SessionsDocument : public ProxyTest {
 protected:
  void SetUp() override {
    usable = {false, false, false};
    Sql root = cluster.root(0);
    root.exec("CREATE TABLE app.t (id INT AUTO_INCREMENT PRIMARY KEY, v INT)");
    root.exec("CREATE TABLE app.logged (id INT)");
    root.exec("CREATE TRIGGER app.log BEFORE INSERT ON app.logged FOR EACH ROW SET @seen = NEW.id");
    root.exec("CREATE SEQUENCE app.seq");
    root.exec("CREATE FUNCTION app.f() RETURNS INT DETERMINISTIC RETURN 1");
    root.exec("CREATE PROCEDURE app.p() DO 1");
    root.exec("GRANT SUPER, BINLOG ADMIN ON *.* TO '" + user() + "'@'%'");
  }
  void TearDown() override {
    cluster.root(0).exec("REVOKE SUPER, BINLOG ADMIN ON *.* FROM '" + user() + "'@'%'");
    cluster.root(0).exec("SET GLOBAL group_concat_max_len = DEFAULT");
    ProxyTest::TearDown();
  }
  // Once what was set has been read back.
  std::string pin_of(const RawClient& client) {
    std::string pin = "no such session";
    EXPECT_TRUE(await([&] {
      for (const auto& row : report().sessions) {
        if (row.id == client.greeting.connection_id) pin = row.pin;
      }
      return pin != "unread_setting";
    }));
    return pin;
  }
  // What is wrong in them is an error of the page.
  static void run(RawClient& client, const std::vector<std::string>& statements) {
    for (const auto& statement : statements) {
      client.send(query(statement));
      Result result;
      do result = client.read_result();
      while ((result.status & protocol::status::more_results) != 0);
      const bool warns = statement.find("'x')") != std::string::npos;
      EXPECT_TRUE(result.kind == Result::Kind::ok || result.kind == Result::Kind::rows || warns)
          << statement << ": " << result.error << " " << result.text;
    }
  }
};

TEST_P(SessionsDocument, WhatTies) {
  start();
  for (const auto& row : table("What ties a session")) {
    ASSERT_EQ(row.size(), 3U);
    RawClient client(port());
    log_in(client);
    run(client, statements_of(row[0]));
    EXPECT_EQ(pin_of(client), trimmed(row[1])) << row[0];
    const auto end = statements_of(row[2]);
    if (!end.empty()) {
      run(client, end);
      EXPECT_EQ(pin_of(client), "") << row[2];
    }
  }
}

TEST_P(SessionsDocument, WhatTravels) {
  start();
  for (const auto& row : table("What doesn't")) {
    ASSERT_EQ(row.size(), 2U);
    RawClient client(port());
    log_in(client);
    run(client, statements_of(row[0]));
    EXPECT_EQ(pin_of(client), "") << row[0];
  }
}

TEST_P(SessionsDocument, Logons) {
  start();
  for (const auto& row : table("Logons of well-known clients")) {
    ASSERT_EQ(row.size(), 2U);
    RawClient client(port());
    log_in(client);
    run(client, statements_of(row[1]));
    EXPECT_EQ(pin_of(client), "") << row[0];
  }
}

// Each tie that the router knows is on the page.
TEST(SessionsDocumentNames, EveryPin) {
  std::ifstream file(SLUICE_DOCS_DIR "/sessions.md");
  std::stringstream page;
  page << file.rdbuf();
  std::stringstream names(router::to_string(~router::Pin::none));
  for (std::string name; std::getline(names, name, ',');) {
    EXPECT_NE(page.str().find(trimmed(name)), std::string::npos) << name;
  }
}

SLUICE_PROXY_ON_BOTH_LOOPS(SessionsDocument);

}  // namespace
}  // namespace sluice::proxy
