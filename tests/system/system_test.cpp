#include "system/system_test.hpp"

#include <iostream>

#include "admin/demo/files.hpp"
#include "support/ports.hpp"

namespace sluice::test {

void await_that(const std::string& what, const std::function<bool()>& condition, milliseconds step) {
  std::string last_error;
  const auto settled = [&] {
    try {
      return condition();
    } catch (const SqlError& error) {
      last_error = error.what();
      return false;
    }
  };
  if (!await(settled, step)) ADD_FAILURE() << "did not happen: " << what << "; last error: " << last_error;
}

std::ostream& operator<<(std::ostream& out, const Outcome& outcome) {
  if (outcome.code != 0) return out << outcome.code << " (" << outcome.state << ") " << outcome.text;
  for (const auto& row : outcome.rows) {
    for (const auto& value : row) out << value.value_or("NULL") << '|';
    out << '\n';
  }
  return out;
}

Outcome outcome_of(Sql& sql, const std::string& statement) {
  Outcome outcome;
  try {
    outcome.rows = sql.query(statement);
  } catch (const SqlError& error) {
    outcome.code = error.code();
    outcome.state = error.state();
    outcome.text = error.what();
  }
  return outcome;
}

// What a sanitizer said of sluice, whole: it may stand far above the end of the log. Empty: it said nothing.
std::string sanitizer_report(const std::filesystem::path& log) {
  const std::string text = demo::read_file(log).value_or("");
  const auto said = text.find("Sanitizer");
  if (said == std::string::npos) return {};
  constexpr std::size_t enough = 16 * 1024;
  return "what the sanitizer said:\n" + text.substr(text.rfind('\n', said) + 1, enough) + '\n';
}

void SystemTest::SetUp() {
  config_.folder = folder_.path();
  config_.client_port = reserve_port();
  config_.admin_port = reserve_port();
  config_.http_port = reserve_port();
}

void SystemTest::TearDown() {
  if (proxy_ == nullptr) return;
  if (!ended_) {
    EXPECT_EQ(proxy_->terminate(), 0);
  }
  if (HasFailure())
    std::cerr << sanitizer_report(folder_.path() / "sluice.log") << "the end of sluice's log:\n"
              << demo::tail(folder_.path() / "sluice.log", 40) << '\n';
}

namespace {

// A machine that stands still for a while is no server that fails, no client that is slow and no statement that waited
// for long: times pass only where a test says so. The monitor's may be a minute at most.
std::string with_long_times(std::string lines, std::initializer_list<const char*> keys, std::uint32_t ms) {
  for (const char* key : keys) {
    if (lines.find(key) == std::string::npos) lines += "\n" + std::string(key) + " = " + std::to_string(ms);
  }
  return lines + "\n";
}

std::string limits_of(const Settings& settings) {
  return with_long_times(settings.limits,
                         {"login_timeout_ms", "hold_max_ms", "pool_wait_max_ms", "backend_connect_timeout_ms",
                          "backend_idle_max_ms", "drain_max_ms"},
                         never_ms);
}

std::string cluster_of(const Settings& settings) {
  const std::string lines = with_long_times("monitor_interval_ms = 50\n" + settings.cluster,
                                            {"monitor_connect_timeout_ms", "monitor_probe_timeout_ms"}, 60'000);
  return with_long_times(lines, {"replica_lag_max_ms"}, never_ms);
}

std::string failover_of(const Settings& settings) {
  const std::string lines = with_long_times(settings.failover, {"answer_grace_ms"}, 60'000);
  return with_long_times(lines,
                         {"apply_max_ms", "hook_max_ms", "switchover_lag_max_ms", "switchover_transaction_max_ms",
                          "switchover_drain_max_ms", "switchover_stall_max_ms", "switchover_step_max_ms"},
                         never_ms);
}

}  // namespace

void SystemTest::launch(const Settings& settings) {
  config_.proxy_keys = "workers = 2\nio = \"" + std::string(GetParam()) + "\"\n" + settings.proxy;
  config_.extra = "[limits]\n" + limits_of(settings) + "[failover]\n" + failover_of(settings) + settings.extra;
  std::string toml = proxy_config(*cluster_, config_);
  const std::string name = "[[cluster]]\n";
  toml.insert(toml.find(name) + name.size(), cluster_of(settings));
  if (!settings.manager) {
    const auto at = toml.find("manager = ");
    toml.erase(at, toml.find('\n', at) - at);
  }
  proxy_ = std::make_unique<ProxyProcess>(SLUICE_BINARY, folder_.path(), toml);
  proxy_->await_port(config_.admin_port);
  proxy_->await_port(config_.client_port);
}

void SystemTest::start(const Settings& settings) {
  cluster_->await_replicated();
  launch(settings);
  await_healthy();
  ASSERT_EQ(admin_value("SELECT io FROM proxy"), GetParam());
}

void SystemTest::await_healthy() {
  const std::string all = std::to_string(cluster_->size());
  await_that("every server is healthy", [&] {
    return admin_value("SELECT COUNT(*) FROM servers WHERE healthy = 1") == all &&
           admin_value("SELECT leader IS NOT NULL FROM clusters") == "1";
  });
  await_routing();
}

void SystemTest::await_leader(std::size_t node) {
  await_that("the new leader is known",
             [&] { return admin_value("SELECT leader FROM clusters") == server_name(node); });
  await_routing();
}

// Whatever was told has been given to the workers before; they answer a later question after that.
void SystemTest::await_routing() const { static_cast<void>(admin_value("SELECT COUNT(*) FROM sessions")); }

// The admin port gives each query 250 ms, and takes no other figure: on a busy machine they may pass.
std::string SystemTest::admin_value(const std::string& query) const {
  constexpr unsigned took_too_long = 1969;
  std::string value;
  EXPECT_TRUE(await([&] {
    try {
      value = admin().value(query);
      return true;
    } catch (const SqlError& error) {
      if (error.code() != took_too_long) throw;
      return false;
    }
  }));
  return value;
}

SqlAddress SystemTest::client_address() const {
  SqlAddress address;
  address.port = config_.client_port;
  address.user = demo::app_user;
  address.password = cluster_->passwords().app;
  address.schema = demo::app_schema;
  return address;
}

std::uint64_t SystemTest::count(const std::string& counter) const {
  const std::string value = admin_value("SELECT value FROM counters WHERE name = '" + counter + "'");
  EXPECT_NE(value, "") << "no counter " << counter;
  return value.empty() ? 0 : std::stoull(value);
}

std::string SystemTest::server_name(std::size_t node) const {
  return "127.0.0.1:" + std::to_string(server_port(*cluster_, config_, node));
}

SystemTest::CommandResult SystemTest::command(const std::vector<std::string>& arguments) const {
  demo::SpawnOptions options;
  options.argv = {SLUICE_BINARY};
  options.argv.insert(options.argv.end(), arguments.begin(), arguments.end());
  options.output = folder_.path() / "command.out";
  options.lifetime = demo::Lifetime::with_parent;
  std::filesystem::remove(options.output);
  const auto end = demo::await_exit(demo::spawn(options), hang_limit);
  EXPECT_TRUE(end && end->known && end->signal == 0);
  return {end ? end->code : -1, demo::read_file(options.output).value_or("")};
}

}  // namespace sluice::test
