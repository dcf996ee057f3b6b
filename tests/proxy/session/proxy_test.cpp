#include "proxy/session/proxy_test.hpp"

#include <time.h>

#include <future>
#include <numeric>
#include <thread>

namespace sluice::proxy {

ProxyTest::ProxyTest() : cluster(test::shared_cluster()) {
  options.listen = {{.host = "127.0.0.1", .port = 0, .unix_path = {}}};
  options.workers = 2;
  // No time passes for the proxy either: a test in which one has to says which.
  Limits& limits = options.limits;
  for (std::uint32_t* budget :
       {&limits.login_timeout_ms, &limits.hold_max_ms, &limits.pool_wait_max_ms, &limits.backend_connect_timeout_ms,
        &limits.backend_idle_max_ms, &limits.drain_max_ms}) {
    *budget = test::never_ms;
  }
  options.io = GetParam();
  options.on_event = [this](const Event& event) {
    const std::lock_guard lock(mutex_);
    events_.push_back(event);
  };
  for (int i = 0; i < 3; ++i) freshness.push_back(std::make_shared<std::atomic<std::uint64_t>>(0));
  usable = {false, true, true};
}

ProxyTest::~ProxyTest() = default;

void ProxyTest::TearDown() {
  proxy.reset();  // its threads speak to this object
  if (!HasFailure()) return;
  const std::lock_guard lock(mutex_);
  for (const auto& event : events_) ADD_FAILURE() << event.kind << ": " << event.text;
}

void ProxyTest::start() {
  cluster->await_replicated();
  auto created = Proxy::create(options, snapshot(0));
  ASSERT_TRUE(created.ok()) << created.error();
  proxy = std::move(*created);
  ASSERT_EQ(proxy->backend(), GetParam()) << proxy->backend_reason();
}

SnapshotPtr ProxyTest::snapshot(std::optional<std::uint32_t> leader, std::string reason) {
  static const protocol::Greeting greeting = [&] {
    RawClient client(cluster->node(0).port());
    EXPECT_TRUE(client.greet());
    return client.greeting;
  }();
  auto made = std::make_shared<Snapshot>();
  made->number = ++number_;
  ClusterEntry entry;
  entry.name = "main";
  for (std::uint32_t i = 0; i < 3; ++i) {
    ServerEntry server;
    server.name = server_name(i);
    server.endpoint = {.host = "127.0.0.1",
                       .port = i == 0 && leader_port != 0 ? leader_port : cluster->node(i).port(),
                       .unix_path = {}};
    server.replica_usable = usable[i];
    server.has_writes_until_ms = freshness[i];
    entry.servers.push_back(std::move(server));
  }
  entry.leader = leader;
  entry.read_only_transactions_on_replicas = read_only_transactions_on_replicas;
  entry.reason = std::move(reason);
  entry.server_version = greeting.server_version;
  entry.capabilities = greeting.capabilities;
  entry.version_number = 101100;
  made->clusters.push_back(std::move(entry));
  made->clusters.insert(made->clusters.end(), other_clusters.begin(), other_clusters.end());
  for (const auto& [user, password] : accounts()) {
    auto account = std::make_shared<Account>();
    account->user = user;
    account->credential.password = password;
    account->auth_plugin = std::string(protocol::native_password_plugin);
    made->accounts[user] = std::move(account);
  }
  return made;
}

void ProxyTest::publish(std::optional<std::uint32_t> leader, std::string reason) {
  proxy->publish(snapshot(leader, std::move(reason)));
  static_cast<void>(report());
}

std::vector<std::pair<std::string, std::string>> ProxyTest::accounts() {
  return {{std::string(user()), password()}, {"root_like", "wrong on the server"}};
}

Sql ProxyTest::connect(const std::string& schema) {
  SqlAddress address;
  address.port = port();
  address.user = user();
  address.password = password();
  address.schema = schema;
  return Sql(address);
}

void ProxyTest::log_in(RawClient& client, const std::string& schema, Capabilities capabilities) {
  const Result result = client.login(user(), password(), schema, capabilities);
  ASSERT_EQ(result.kind, Result::Kind::ok) << result.error << " " << result.text;
}

void ProxyTest::replicas_have_all() {
  const std::uint64_t asked = now_ms();
  cluster->await_replicated();
  while (now_ms() <= asked) std::this_thread::yield();
  for (auto& fresh : freshness) fresh->store(asked + 2);
}

std::uint64_t ProxyTest::now_ms() {
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<std::uint64_t>(now.tv_sec) * 1000 + static_cast<std::uint64_t>(now.tv_nsec) / 1'000'000;
}

Report ProxyTest::report() {
  auto promise = std::make_shared<std::promise<Report>>();
  auto future = promise->get_future();
  proxy->report([promise](Report r) { promise->set_value(std::move(r)); });
  return future.get();
}

SessionRow ProxyTest::only_session() {
  const Report r = report();
  EXPECT_EQ(r.sessions.size(), 1U);
  return r.sessions.empty() ? SessionRow{} : r.sessions.front();
}

bool ProxyTest::await_state(const std::string& state) {
  return await([&] {
    for (const auto& row : report().sessions) {
      if (row.state.starts_with(state)) return true;
    }
    return false;
  });
}

std::string ProxyTest::running(std::size_t node, const std::string& like) {
  return cluster.root(node).value(
      "SELECT COUNT(*) FROM information_schema.processlist WHERE id <> CONNECTION_ID() AND info LIKE '" + like + "'");
}

std::string ProxyTest::transactions(std::size_t node) {
  return cluster.root(node).value("SELECT COUNT(*) FROM information_schema.innodb_trx");
}

unsigned ProxyTest::error_of(const std::function<void()>& action, std::string* text) {
  try {
    action();
  } catch (const SqlError& error) {
    if (text != nullptr) *text = error.what();
    return error.code();
  }
  return 0;
}

bool ProxyTest::saw_event(const std::string& kind) {
  const std::lock_guard lock(mutex_);
  return std::any_of(events_.begin(), events_.end(), [&](const Event& e) { return e.kind == kind; });
}

std::string loop_name(const testing::TestParamInfo<io::Backend>& info) {
  return std::string(io::to_string(info.param));
}

std::vector<io::Backend> session_loops([[maybe_unused]] std::string_view suite) {
  std::vector<io::Backend> loops{SLUICE_TEST_SESSION_LOOPS};
#ifdef SLUICE_TEST_ONE_SESSION_LOOP
  const unsigned sum = std::accumulate(suite.begin(), suite.end(), 0U);  // any number that is always the same
  loops = {loops[sum % loops.size()]};
#endif
  return loops;
}
}  // namespace sluice::proxy
