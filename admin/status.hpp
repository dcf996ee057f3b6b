// `sluice status`: asks a running sluice over its admin SQL port and shows the answer to people or to scripts.
//
// Flow: `auto status = fetch_status(door); if (!status) …; out << to_text(*status)` or `to_json(*status)`.
#pragma once

#include <string>

#include "admin/admin_client.hpp"
#include "protocol/result.hpp"

namespace sluice::admin {

struct Status {
  AnswerTable proxy;  // one row
  AnswerTable clusters;
  AnswerTable servers;   // with the connections to each
  AnswerTable sessions;  // counted, one row a user
};

// Blocks for 10 seconds at most. The error is for people and holds no password.
[[nodiscard]] Result<Status, std::string> fetch_status(const AdminDoor& door);

[[nodiscard]] std::string to_text(const Status& status);
[[nodiscard]] std::string to_json(const Status& status);

// Every cluster has a leader and every server is healthy.
[[nodiscard]] bool all_well(const Status& status);

}  // namespace sluice::admin
