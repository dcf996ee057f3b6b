#include "failover/source_graph.hpp"

#include <algorithm>
#include <cassert>
#include <cctype>
#include <charconv>

namespace sluice::failover {
namespace {

struct Address {
  std::string host;  // lower case, every loopback name the same
  std::uint16_t port = 0;
};

std::string plain_host(std::string_view host) {
  if (host.size() > 1 && host.front() == '[' && host.back() == ']') host = host.substr(1, host.size() - 2);
  std::string plain(host);
  std::transform(plain.begin(), plain.end(), plain.begin(),
                 [](char c) { return static_cast<char>(std::tolower(static_cast<unsigned char>(c))); });
  if (plain == "localhost" || plain == "::1") return "127.0.0.1";
  return plain;
}

// "host:port" or "[v6]:port"; nullopt for a unix path.
std::optional<Address> parse_name(std::string_view name) {
  const auto colon = name.rfind(':');
  if (colon == std::string_view::npos || name.find('/') != std::string_view::npos) return std::nullopt;
  Address address;
  const auto digits = name.substr(colon + 1);
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), address.port);
  if (error != std::errc{} || end != digits.data() + digits.size()) return std::nullopt;
  address.host = plain_host(name.substr(0, colon));
  return address;
}

}  // namespace

bool is_active(const ReplicationChannel& channel) { return channel.io_running || channel.sql_running; }
bool is_running(const ReplicationChannel& channel) { return channel.io_running && channel.sql_running; }

SourceGraph::SourceGraph(const std::vector<std::string>& names, const std::vector<ServerObservation>& observations)
    : names_(names), observations_(observations), sources_(names.size()) {
  assert(names.size() == observations.size());
  for (std::size_t i = 0; i < names.size(); ++i) {
    if (!observations[i].reachable) continue;
    for (const auto& channel : observations[i].channels) {
      if (!is_active(channel)) continue;
      const auto source = source_of(i, channel);
      if (source && std::find(sources_[i].begin(), sources_[i].end(), *source) == sources_[i].end())
        sources_[i].push_back(*source);
    }
  }
}

std::optional<std::size_t> SourceGraph::source_of(std::size_t replica, const ReplicationChannel& channel) const {
  const auto address = by_address(replica, channel.source_host, channel.source_port);
  const auto id = by_id(replica, channel.source_server_id);
  if (channel.io_running) return id ? id : address;
  return address ? address : id;
}

bool SourceGraph::follows(std::size_t server, std::size_t target) const {
  std::vector<bool> seen(names_.size(), false);
  std::vector<std::size_t> open = {server};
  while (!open.empty()) {
    const auto at = open.back();
    open.pop_back();
    for (const auto source : sources_[at]) {
      if (source == target) return true;
      if (!seen[source]) open.push_back(source);
      seen[source] = true;
    }
  }
  return false;
}

std::optional<std::size_t> SourceGraph::by_id(std::size_t replica, std::uint32_t id) const {
  if (id == 0) return std::nullopt;
  std::optional<std::size_t> found;
  for (std::size_t i = 0; i < observations_.size(); ++i) {
    if (i == replica || observations_[i].server_id != id) continue;
    if (found) return std::nullopt;  // two servers with one id: the id tells nothing
    found = i;
  }
  return found;
}

std::optional<std::size_t> SourceGraph::by_address(std::size_t replica, std::string_view host,
                                                   std::uint16_t port) const {
  const auto wanted = plain_host(host);
  for (std::size_t i = 0; i < names_.size(); ++i) {
    if (i == replica) continue;
    const auto address = parse_name(names_[i]);
    if (address && address->port == port && address->host == wanted) return i;
  }
  return std::nullopt;
}

}  // namespace sluice::failover
