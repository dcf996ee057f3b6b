// As whom, and with which protocol features, a server connection was made. Two sessions may share a connection only if
// their identities are the same one: what the handshake fixed can't be changed afterwards.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "protocol/auth.hpp"
#include "protocol/capabilities.hpp"

namespace sluice::proxy {

struct BackendIdentity {
  std::uint32_t cluster = 0;
  std::string user;
  protocol::Secret secret;
  protocol::Capabilities features = 0;  // the client's choice among `client_chosen_features`
  std::uint8_t collation = 45;
};

using IdentityPtr = std::shared_ptr<const BackendIdentity>;

// What changes the server's answers or its parser, and so must be as the client negotiated it.
constexpr protocol::Capabilities client_chosen_features =
    protocol::cap::found_rows | protocol::cap::no_schema | protocol::cap::odbc | protocol::cap::ignore_space |
    protocol::cap::multi_statements | protocol::cap::multi_results | protocol::cap::ps_multi_results |
    protocol::cap::deprecate_eof | protocol::cap::mariadb_extended_metadata;

// What sluice asks of every server, if the server has it.
constexpr protocol::Capabilities backend_base_features =
    protocol::cap::client_mysql | protocol::cap::long_flag | protocol::cap::protocol_41 | protocol::cap::transactions |
    protocol::cap::secure_connection | protocol::cap::plugin_auth | protocol::cap::plugin_auth_lenenc_data |
    protocol::cap::session_track;

}  // namespace sluice::proxy
