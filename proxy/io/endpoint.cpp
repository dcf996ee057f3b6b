#include "proxy/io/endpoint.hpp"

#include <arpa/inet.h>
#include <sys/un.h>

#include <algorithm>
#include <charconv>

namespace sluice::io {
namespace {

constexpr std::string_view unix_prefix = "unix:";
constexpr std::size_t host_name_max = 253;  // RFC 1035, 2.3.4
constexpr std::size_t label_max = 63;

bool is_digit(char c) { return c >= '0' && c <= '9'; }

bool is_host_character(char c) {
  return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '-' || c == '_';
}

bool is_numeric(const std::string& text, int family) {
  in6_addr unused{};
  return inet_pton(family, text.c_str(), &unused) == 1;
}

bool is_host_name(std::string_view host) {
  if (host.empty() || host.size() > host_name_max) return false;
  while (true) {
    const std::size_t dot = host.find('.');
    const std::string_view label = host.substr(0, dot);
    if (label.empty() || label.size() > label_max || !std::ranges::all_of(label, is_host_character)) return false;
    if (dot == std::string_view::npos) return true;
    host.remove_prefix(dot + 1);
  }
}

// A dotted number that is no IPv4 address ("10.0.0.256", "1.2.3") is a typing error, not a name.
bool is_host(std::string_view host) {
  if (std::ranges::all_of(host, [](char c) { return is_digit(c) || c == '.'; })) {
    return is_numeric(std::string(host), AF_INET);
  }
  return is_host_name(host);
}

std::optional<std::uint16_t> parse_port(std::string_view text) {
  if (text.empty() || text.size() > 5 || !std::ranges::all_of(text, is_digit)) return std::nullopt;
  if (text.size() > 1 && text.front() == '0') return std::nullopt;
  std::uint16_t port = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), port);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return port;
}

std::optional<Endpoint> parse_unix(std::string_view path) {
  // sun_path holds the path and its terminating zero (unix(7)).
  if (path.size() < 2 || path.front() != '/' || path.size() >= sizeof(sockaddr_un::sun_path)) return std::nullopt;
  if (path.find('\0') != std::string_view::npos) return std::nullopt;
  return Endpoint{.host = {}, .port = 0, .unix_path = std::string(path)};
}

// What follows the host: nothing, or ":port".
std::optional<Endpoint> with_port(std::string_view host, std::string_view rest, std::uint16_t default_port) {
  Endpoint endpoint{.host = std::string(host), .port = default_port, .unix_path = {}};
  if (rest.empty()) return endpoint;
  if (rest.front() != ':') return std::nullopt;
  const auto port = parse_port(rest.substr(1));
  if (!port) return std::nullopt;
  endpoint.port = *port;
  return endpoint;
}

}  // namespace

std::string Endpoint::to_string() const {
  if (is_unix()) return std::string(unix_prefix) + unix_path;
  const bool bracketed = host.find(':') != std::string::npos;
  return (bracketed ? "[" + host + "]" : host) + ":" + std::to_string(port);
}

std::optional<Endpoint> parse_endpoint(std::string_view text, std::uint16_t default_port) {
  if (text.starts_with(unix_prefix)) return parse_unix(text.substr(unix_prefix.size()));
  if (text.starts_with('[')) {
    const std::size_t bracket = text.find(']');
    if (bracket == std::string_view::npos) return std::nullopt;
    const std::string_view host = text.substr(1, bracket - 1);
    if (host.find('\0') != std::string_view::npos || !is_numeric(std::string(host), AF_INET6)) return std::nullopt;
    return with_port(host, text.substr(bracket + 1), default_port);
  }
  const std::size_t colon = std::min(text.find(':'), text.size());
  if (!is_host(text.substr(0, colon))) return std::nullopt;
  return with_port(text.substr(0, colon), text.substr(colon), default_port);
}

}  // namespace sluice::io
