// `sluice status`: asks a running sluice over its admin SQL port and shows the answer to people or to scripts.
//
// Flow: `auto status = fetch_status(door); if (!status) …; out << to_text(*status)` or `to_json(*status)`.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "protocol/result.hpp"
#include "proxy/io/endpoint.hpp"

namespace sluice::admin {

struct AdminDoor {
  io::Endpoint endpoint;
  std::string user;
  std::string password;
};

// One table of the answer.
struct StatusTable {
  struct Column {
    std::string name;
    bool integer = false;
  };
  std::string name;
  std::vector<Column> columns;
  std::vector<std::vector<std::optional<std::string>>> rows;
};

struct Status {
  StatusTable proxy;  // one row
  StatusTable clusters;
  StatusTable servers;   // with the connections to each
  StatusTable sessions;  // counted, one row a user
};

// Blocks for 10 seconds at most. The error is for people and holds no password.
[[nodiscard]] Result<Status, std::string> fetch_status(const AdminDoor& door);

[[nodiscard]] std::string to_text(const Status& status);
[[nodiscard]] std::string to_json(const Status& status);

// Every cluster has a leader and every server is healthy.
[[nodiscard]] bool all_well(const Status& status);

}  // namespace sluice::admin
