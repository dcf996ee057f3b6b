#include "admin/config_listing.hpp"

#include <array>
#include <utility>

#include "admin/config_schema.hpp"

namespace sluice::admin {
namespace {

// The visitor of config_schema.hpp that writes values down.
class Lister {
 public:
  Lister(std::vector<Setting>& out, std::string section, std::string prefix = {}, std::string item = {})
      : out_(out), section_(std::move(section)), prefix_(std::move(prefix)), item_(std::move(item)) {}

  void number(std::string_view key, const std::uint64_t& value, Unit unit, Range /*range*/) {
    add(key, format_quantity(value, unit), unit);
  }
  void flag(std::string_view key, const bool& value) { add(key, value ? "true" : "false"); }
  void text(std::string_view key, const std::string& value) { add(key, value); }
  void path(std::string_view key, const std::string& value) { add(key, value); }
  void secret(std::string_view key, const std::string& value) { add(key, value.empty() ? "" : "(set)"); }
  void word(std::string_view key, const std::string& value, std::span<const std::string_view> /*allowed*/) {
    add(key, value);
  }
  void endpoint(std::string_view key, const std::optional<io::Endpoint>& value, AddressForm /*form*/) {
    add(key, value ? value->to_string() : "");
  }
  void endpoints(std::string_view key, const std::vector<io::Endpoint>& value, AddressForm /*form*/) {
    std::string all;
    for (const auto& endpoint : value) all += (all.empty() ? "" : ", ") + endpoint.to_string();
    add(key, all);
  }
  template <class T, std::size_t n>
  void choice(std::string_view key, const T& value, const std::array<Choice<T>, n>& choices) {
    for (const auto& c : choices) {
      if (c.value == value) return add(key, std::string(c.name));
    }
  }

 private:
  void add(std::string_view key, std::string value, Unit unit = Unit::none) {
    out_.push_back({section_, prefix_ + std::string(key), std::move(value), unit, item_});
  }

  std::vector<Setting>& out_;
  std::string section_;
  std::string prefix_;
  std::string item_;
};

template <class Settings>
void list(std::vector<Setting>& out, std::string section, Settings settings) {
  Lister lister(out, std::move(section));
  schema::visit(lister, settings);
}

void list_cluster(std::vector<Setting>& out, ClusterSettings cluster) {
  Lister lister(out, "[[cluster]]", {}, cluster.name);
  schema::visit(lister, cluster);
  Lister monitor(out, "[[cluster]]", "monitor.", cluster.name);
  schema::visit_monitor(monitor, cluster);
  Lister manager(out, "[[cluster]]", "manager.", cluster.name);
  schema::visit_manager(manager, cluster);
  Lister replication(out, "[[cluster]]", "replication.", cluster.name);
  schema::visit_replication(replication, cluster);
}

void list_user(std::vector<Setting>& out, UserSettings user) {
  Lister lister(out, "[[user]]", {}, user.name);
  schema::visit(lister, user);
}

void list_fixed(std::vector<Setting>& out, const Config& config) {
  list(out, "[proxy]", config.proxy);
  list(out, "[proxy.tls]", config.proxy.tls);
  list(out, "[backend_tls]", config.backend_tls);
  list(out, "[admin]", config.admin);
  list(out, "[limits]", config.limits);
  list(out, "[failover]", config.failover);
  list(out, "[log]", config.log);
}

}  // namespace

std::vector<Setting> list_settings(const Config& config) {
  std::vector<Setting> out;
  list_fixed(out, config);
  for (const auto& cluster : config.clusters) list_cluster(out, cluster);
  for (const auto& user : config.users) list_user(out, user);
  return out;
}

std::vector<Setting> list_keys() {
  std::vector<Setting> out;
  list_fixed(out, Config{});
  list_cluster(out, {});
  list_user(out, {});
  return out;
}

}  // namespace sluice::admin
