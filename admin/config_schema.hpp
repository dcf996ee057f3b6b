// Every key of the configuration, once. A visitor is led over the keys of a section; the reader fills the fields from
// TOML, the listing shows names, defaults and values. So the reference, the `settings` table and the parser can't
// disagree.
//
// Flow: `schema::visit(visitor, settings)` per section; the visitor has `number`, `flag`, `text`, `path`, `secret`,
// `endpoint`, `endpoints` and `choice`, each with the key and a reference to its field.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

#include "admin/config.hpp"
#include "admin/units.hpp"

namespace sluice::admin {

struct Range {
  std::uint64_t min = 0;
  std::uint64_t max = 0;
};

template <class T>
struct Choice {
  std::string_view name;
  T value;
};

enum class AddressForm : std::uint8_t { numeric, any };  // numeric: host names are refused (something listens there)

namespace schema {

constexpr std::array<Choice<io::Backend>, 3> io_choices{
    {{"auto", io::Backend::automatic}, {"io_uring", io::Backend::io_uring}, {"epoll", io::Backend::epoll}}};
constexpr std::array<Choice<proxy::BackendTls>, 3> backend_tls_choices{{{"off", proxy::BackendTls::off},
                                                                        {"preferred", proxy::BackendTls::preferred},
                                                                        {"required", proxy::BackendTls::required}}};
constexpr std::array<Choice<tls::Verify>, 3> verify_choices{
    {{"none", tls::Verify::none}, {"ca", tls::Verify::chain}, {"name", tls::Verify::chain_name}}};
constexpr std::array<Choice<bool>, 2> read_only_transactions{{{"leader", false}, {"replica", true}}};
constexpr std::array<Choice<FailoverMode>, 3> failover_modes{
    {{"off", FailoverMode::off}, {"manual", FailoverMode::manual}, {"automatic", FailoverMode::automatic}}};
constexpr std::array<Choice<failover::Loss>, 3> loss_policies{
    {{"none", failover::Loss::none}, {"bounded", failover::Loss::bounded}, {"any", failover::Loss::any}}};
constexpr std::array<std::string_view, 5> log_levels{"debug", "info", "warning", "error", "off"};
constexpr std::array<std::string_view, 2> auth_plugins{protocol::native_password_plugin, protocol::caching_sha2_plugin};

constexpr Range duration{1, 86'400'000};  // up to a day

// Numbers of any width go through 64 bits; the range keeps them in their field.
template <class V, class T>
void number(V& v, std::string_view key, T& field, Unit unit, Range range) {
  std::uint64_t value = field;
  v.number(key, value, unit, range);
  field = static_cast<T>(value);
}

template <class V>
void visit(V& v, ProxySettings& s) {
  v.endpoints("listen", s.listen, AddressForm::numeric);
  number(v, "workers", s.workers, Unit::none, {0, 256});
  v.choice("io", s.io, io_choices);
  v.text("server_version", s.server_version);
  v.path("state_dir", s.state_dir);
}

template <class V>
void visit(V& v, ClientTlsSettings& s) {
  v.path("cert", s.cert);
  v.path("key", s.key);
  v.path("dir", s.dir);
  v.flag("required", s.required);
}

template <class V>
void visit(V& v, BackendTlsSettings& s) {
  v.choice("mode", s.mode, backend_tls_choices);
  v.choice("verify", s.verify, verify_choices);
  v.path("ca", s.ca);
}

template <class V>
void visit(V& v, PasswordSettings& s) {
  v.secret("password", s.password);
  v.path("password_file", s.password_file);
}

template <class V>
void visit(V& v, AdminSettings& s) {
  v.endpoint("sql_listen", s.sql_listen, AddressForm::numeric);
  v.endpoint("http_listen", s.http_listen, AddressForm::numeric);
  v.text("user", s.user);
  visit(v, s.secret);
}

template <class V>
void visit(V& v, LogSettings& s) {
  v.word("level", s.level, log_levels);
  v.path("file", s.file);
}

template <class V>
void visit(V& v, proxy::Limits& s) {
  constexpr Range count{1, 1'000'000};
  constexpr Range bytes{16U << 10, 1U << 30};
  number(v, "clients_max", s.clients_max, Unit::none, count);
  number(v, "backend_connections_max", s.backend_connections_max, Unit::none, count);
  number(v, "login_timeout_ms", s.login_timeout_ms, Unit::milliseconds, duration);
  number(v, "hold_max_ms", s.hold_max_ms, Unit::milliseconds, duration);
  number(v, "hold_clients_max", s.hold_clients_max, Unit::none, count);
  number(v, "release_batch_max", s.release_batch_max, Unit::none, count);
  number(v, "server_kills_max", s.server_kills_max, Unit::none, count);
  number(v, "pool_wait_max_ms", s.pool_wait_max_ms, Unit::milliseconds, duration);
  number(v, "backend_connect_timeout_ms", s.backend_connect_timeout_ms, Unit::milliseconds, duration);
  number(v, "backend_idle_max_ms", s.backend_idle_max_ms, Unit::milliseconds, duration);
  number(v, "backend_age_max_ms", s.backend_age_max_ms, Unit::milliseconds, {0, duration.max});
  number(v, "client_idle_max_ms", s.client_idle_max_ms, Unit::milliseconds, {1, 31'536'000'000});
  number(v, "half_closed_max_ms", s.half_closed_max_ms, Unit::milliseconds, {0, duration.max});
  number(v, "client_queue_max", s.client_queue_max, Unit::bytes, bytes);
  number(v, "pipeline_max", s.pipeline_max, Unit::bytes, bytes);
  number(v, "inspect_max", s.inspect_max, Unit::bytes, bytes);
  number(v, "packet_max", s.packet_max, Unit::bytes, bytes);
  number(v, "refused_reads_max", s.refused_reads_max, Unit::none, count);
  number(v, "diagnostics_per_client_max", s.diagnostics_per_client_max, Unit::bytes, {0, 1U << 20});
  number(v, "statements_per_client_max", s.statements_per_client_max, Unit::none, count);
  number(v, "statement_text_per_client_max", s.statement_text_per_client_max, Unit::bytes, bytes);
  number(v, "statements_per_backend_max", s.statements_per_backend_max, Unit::none, count);
  number(v, "worker_memory_max", s.worker_memory_max, Unit::bytes, {16U << 20, 1ULL << 40});
  number(v, "drain_max_ms", s.drain_max_ms, Unit::milliseconds, {0, duration.max});
}

template <class V>
void visit(V& v, FailoverSettings& s) {
  v.choice("mode", s.mode, failover_modes);
  number(v, "detection_time_ms", s.detection_time_ms, Unit::milliseconds, {100, 600'000});
  v.choice("loss", s.loss, loss_policies);
  number(v, "loss_max", s.loss_max, Unit::none, {0, 1'000'000'000});
  number(v, "limit", s.limit, Unit::none, {1, 1000});
  number(v, "limit_window_ms", s.limit_window_ms, Unit::milliseconds, duration);
  number(v, "interval_min_ms", s.interval_min_ms, Unit::milliseconds, {0, duration.max});
  number(v, "fence_max_ms", s.fence_max_ms, Unit::milliseconds, duration);
  number(v, "freeze_max_ms", s.freeze_max_ms, Unit::milliseconds, duration);
  number(v, "stop_io_max_ms", s.stop_io_max_ms, Unit::milliseconds, duration);
  number(v, "apply_max_ms", s.apply_max_ms, Unit::milliseconds, duration);
  number(v, "retry_min_ms", s.retry_min_ms, Unit::milliseconds, duration);
  number(v, "retry_max_ms", s.retry_max_ms, Unit::milliseconds, duration);
  number(v, "switchover_lag_max_ms", s.switchover_lag_max_ms, Unit::milliseconds, duration);
  number(v, "switchover_transaction_max_ms", s.switchover_transaction_max_ms, Unit::milliseconds, duration);
  number(v, "switchover_approach_max_ms", s.switchover_approach_max_ms, Unit::milliseconds, duration);
  number(v, "switchover_drain_max_ms", s.switchover_drain_max_ms, Unit::milliseconds, duration);
  number(v, "switchover_stall_max_ms", s.switchover_stall_max_ms, Unit::milliseconds, duration);
  number(v, "switchover_step_max_ms", s.switchover_step_max_ms, Unit::milliseconds, duration);
  number(v, "answer_grace_ms", s.answer_grace_ms, Unit::milliseconds, duration);
  v.path("hook_before", s.hook_before);
  v.path("hook_after", s.hook_after);
  number(v, "hook_max_ms", s.hook_max_ms, Unit::milliseconds, duration);
}

template <class V>
void visit(V& v, ClusterSettings& s) {
  v.text("name", s.name);
  v.endpoints("servers", s.servers, AddressForm::any);
  v.endpoints("preferred", s.preferred, AddressForm::any);
  number(v, "replica_lag_max_ms", s.replica_lag_max_ms, Unit::milliseconds, duration);
  v.choice("read_only_transactions", s.read_only_transactions_on_replicas, read_only_transactions);
  number(v, "monitor_interval_ms", s.monitor_interval_ms, Unit::milliseconds, {10, 60'000});
  number(v, "monitor_connect_timeout_ms", s.monitor_connect_timeout_ms, Unit::milliseconds, {10, 60'000});
  number(v, "monitor_probe_timeout_ms", s.monitor_probe_timeout_ms, Unit::milliseconds, {10, 60'000});
}

// The inline table `monitor` of a cluster.
template <class V>
void visit_monitor(V& v, ClusterSettings& s) {
  v.text("user", s.monitor_user);
  visit(v, s.monitor_secret);
}

// Also `manager` and `replication`.
template <class V>
void visit_manager(V& v, ClusterSettings& s) {
  v.text("user", s.manager_user);
  visit(v, s.manager_secret);
}

template <class V>
void visit_replication(V& v, ClusterSettings& s) {
  v.text("user", s.replication_user);
  visit(v, s.replication_secret);
}

template <class V>
void visit(V& v, UserSettings& s) {
  v.text("name", s.name);
  visit(v, s.secret);
  v.secret("password_hash", s.password_hash);
  v.text("cluster", s.cluster);
  v.word("auth_plugin", s.auth_plugin, auth_plugins);
}

}  // namespace schema
}  // namespace sluice::admin
