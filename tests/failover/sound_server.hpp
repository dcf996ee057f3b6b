// A server that nothing speaks against, as a test takes it before it says what is the matter with it.
//
// Servers are called A, B, … in their order, and have the server ids 1, 2, … Of MySQL's UUIDs each is one letter, the
// server's own: aaaaaaaa-aaaa-… is A's.
//
// Flow: `auto server = sound_server(1, Flavour::mariadb); server.disk_full = true;` What it has executed, and whom it
// replicates from, is the test's to say.
#pragma once

#include <cstddef>
#include <string>

#include "failover/election.hpp"

namespace sluice::failover::testing {

inline std::string uuid_of(char letter) {
  std::string uuid(36, letter);
  for (const auto dash : {8, 13, 18, 23}) uuid[static_cast<std::size_t>(dash)] = '-';
  return uuid;
}

inline ElectionServer sound_server(std::size_t index, Flavour flavour) {
  ElectionServer server;
  server.name = std::string(1, static_cast<char>('A' + index));
  server.flavour = flavour;
  server.version = flavour == Flavour::mysql ? 50624 : 101119;
  server.server_id = static_cast<std::uint32_t>(index + 1);
  server.server_uuid = uuid_of(static_cast<char>('a' + index));
  server.reachable = server.binary_log = server.logs_replicated = server.io_running = server.sql_running = true;
  return server;
}

}  // namespace sluice::failover::testing
