// Where to listen or connect: "127.0.0.1:3306", "[::1]:3306", "db.internal:3306" or "unix:/run/mysqld/mysqld.sock".
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace sluice::io {

struct Endpoint {
  std::string host;  // numeric address or host name; empty for a unix socket
  std::uint16_t port = 0;
  std::string unix_path;  // empty for TCP

  [[nodiscard]] bool is_unix() const { return !unix_path.empty(); }
  [[nodiscard]] std::string to_string() const;
  friend bool operator==(const Endpoint&, const Endpoint&) = default;
};

// nullopt: not of one of the forms above. Does not resolve names.
[[nodiscard]] std::optional<Endpoint> parse_endpoint(std::string_view text, std::uint16_t default_port);

}  // namespace sluice::io
