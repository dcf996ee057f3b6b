// One pool on a loop of its own, in front of a real server: who is granted a connection, when, and from where.
#include "proxy/pool.hpp"

#include <gtest/gtest.h>

#include <functional>
#include <list>

#include "support/test_cluster.hpp"

namespace sluice::proxy {
namespace {

class Waiter final : public PoolWaiter {
 public:
  explicit Waiter(IdentityPtr identity) {
    wanted_identity = std::move(identity);
    wanted_state = &state_;
  }
  void on_backend_granted(Backend& backend) override { granted(backend); }
  void on_backend_denied(std::uint16_t code, std::string_view /*sqlstate*/, std::string_view text) override {
    denied(code, text);
  }
  void on_wanted_back() override { wanted_back(); }

  std::function<void(Backend&)> granted = [](Backend&) { ADD_FAILURE() << "granted"; };
  std::function<void(std::uint16_t, std::string_view)> denied = [](std::uint16_t, std::string_view text) {
    ADD_FAILURE() << "denied: " << text;
  };
  std::function<void()> wanted_back = [] { ADD_FAILURE() << "wanted back"; };

 private:
  CarriedState state_;
};

class PoolTest : public testing::TestWithParam<io::Backend>, private PoolHost, private io::TimerHandler {
 protected:
  PoolTest() : cluster_(test::shared_cluster()) {
    io::LoopOptions options;
    options.backend = GetParam();
    auto made = io::Loop::create(options);
    loop_ = std::move(*made);
  }
  ~PoolTest() override {
    pool.reset();
    buried_.clear();
  }

  void make_pool(const std::string& user, std::uint32_t limit) { pool = new_pool(user, limit); }
  std::unique_ptr<Pool> new_pool(const std::string& user, std::uint32_t limit) {
    BackendOptions options;
    options.server_name = "db1";
    options.endpoint = {.host = "127.0.0.1", .port = cluster_->node(0).port(), .unix_path = {}};
    options.connect_timeout_ms = test::never_ms;
    options.statements_max = 16;
    return std::make_unique<Pool>(static_cast<PoolHost&>(*this), PoolKey{0, 0, user}, options, limit, 60'000, 0);
  }
  static IdentityPtr identity(const std::string& user, const std::string& password, std::uint8_t collation = 45) {
    return std::make_shared<const BackendIdentity>(
        BackendIdentity{.cluster = 0,
                        .user = user,
                        .secret = {.password = password, .native_stage1 = {}, .sha2_stage1 = {}},
                        .features = 0,
                        .collation = collation});
  }
  // An account that the server gives one connection at a time.
  IdentityPtr limited(std::uint8_t collation = 45) {
    cluster_.root(0).exec(
        "CREATE USER IF NOT EXISTS limited@'127.0.0.1' IDENTIFIED BY 'secret' WITH MAX_USER_CONNECTIONS 1");
    return identity("limited", "secret", collation);
  }

  // Turns until `stop`; 20 seconds at most, and then the test's expectations fail.
  void run() {
    bound_ = loop_->start_timer(20'000, *this);
    loop_->run();
    loop_->cancel_timer(bound_);
  }
  void stop() { loop_->stop(); }
  // So many connections, which stay in use.
  std::vector<Backend*> in_use(Pool& from, const IdentityPtr& who, std::size_t count) {
    std::vector<Backend*> granted;
    for (std::size_t i = 0; i < count; ++i) {
      line_.emplace_back(who).granted = [&](Backend& backend) { granted.push_back(&backend); };
      EXPECT_EQ(from.acquire(line_.back()), nullptr);
    }
    while (granted.size() < count && turn()) {
    }
    EXPECT_EQ(granted.size(), count);
    return granted;
  }
  // The pool is made like this one, until nothing is on its way any more.
  void warm_like(const Pool& other) {
    bool done = false;
    pool->warm_like(other, [&] { done = true; });
    while (!done && turn()) {
    }
    EXPECT_TRUE(done);
  }
  // False: it was the last one.
  bool turn() {
    again_ = loop_->start_timer(1, *this);
    loop_->run();
    return --turns_ > 0;
  }

  test::TestCluster& cluster_;
  std::unique_ptr<Pool> pool;
  std::size_t opened = 0;

 private:
  io::Loop& loop() override { return *loop_; }
  void bury(std::unique_ptr<Backend> backend) override { buried_.push_back(std::move(backend)); }
  void on_pool_trouble(std::uint32_t, std::uint32_t, std::string_view, std::string_view, bool) override {}
  void count_opened() override { ++opened; }
  [[nodiscard]] std::uint64_t global_changes() const override { return 0; }
  void on_timer(io::TimerId) override { stop(); }

  std::unique_ptr<io::Loop> loop_;
  std::list<std::unique_ptr<Backend>> buried_;
  std::list<Waiter> line_;
  io::TimerId bound_;
  io::TimerId again_;
  int turns_ = 20'000;
};

// As when the leader has moved: all who stand in line want nothing here any more. Were each served from inside the one
// before it, a long line would be a deep stack.
TEST_P(PoolTest, ALineThatGivesBackAtOnceIsServedOneAfterTheOther) {
  make_pool(std::string(demo::app_user), 1);
  const IdentityPtr who = identity(std::string(demo::app_user), cluster_->passwords().app);
  std::list<Waiter> line;
  int depth = 0;
  int deepest = 0;
  int served = 0;
  for (int i = 0; i < 100; ++i) {
    line.emplace_back(who).granted = [&](Backend& backend) {
      deepest = std::max(deepest, ++depth);
      pool->release(backend);
      --depth;
      if (++served == 100) stop();
    };
    EXPECT_EQ(pool->acquire(line.back()), nullptr);
  }
  run();
  EXPECT_EQ(served, 100);
  EXPECT_EQ(deepest, 1);
}

// Connections of one identity that are never left over would go round among its own sessions for ever.
TEST_P(PoolTest, WhoStandsFirstIsPassedByAsOftenAsThereAreConnectionsAndNoMore) {
  const std::string user(demo::app_user);
  const std::string& password = cluster_->passwords().app;
  make_pool(user, 3);
  std::list<std::pair<Waiter*, Backend*>> in_hand;
  std::list<Waiter> many;
  const IdentityPtr of_many = identity(user, password);
  int given = 0;
  for (int i = 0; i < 6; ++i) {
    Waiter& waiter = many.emplace_back(of_many);
    waiter.granted = [&](Backend& backend) {
      ++given;
      in_hand.emplace_back(&waiter, &backend);
    };
    EXPECT_EQ(pool->acquire(waiter), nullptr);
  }
  while (in_hand.size() < 3 && turn()) {
  }
  Waiter other(identity(user, password, 33));
  bool granted = false;
  other.granted = [&](Backend&) { granted = true; };
  EXPECT_EQ(pool->acquire(other), nullptr);
  const auto pass_on = [&] {
    for (const auto& [waiter, backend] : std::exchange(in_hand, {})) {
      pool->release(*backend);
      EXPECT_EQ(pool->acquire(*waiter), nullptr);
    }
  };
  given = 0;
  while (opened == 3 && given < 100 && turn()) pass_on();
  EXPECT_EQ(opened, 4U);
  EXPECT_LE(given, 9) << "three stood before it, three passed it by, and what one turn passes on";
  while (!granted && turn()) pass_on();
  EXPECT_TRUE(granted);
  EXPECT_EQ(pool->total(), 3U);
}

// Before another server leads.
TEST_P(PoolTest, OpensAsManyConnectionsAsAnotherPoolHas) {
  const std::string user(demo::app_user);
  const auto other = new_pool(user, 5);
  std::list<Waiter> line;
  int granted = 0;
  const IdentityPtr one = identity(user, cluster_->passwords().app);
  const IdentityPtr two = identity(user, cluster_->passwords().app, 33);
  for (const IdentityPtr& who : {one, one, two}) {
    line.emplace_back(who).granted = [&](Backend&) {
      if (++granted == 3) stop();
    };
    EXPECT_EQ(other->acquire(line.back()), nullptr);
  }
  run();
  ASSERT_EQ(granted, 3);
  const auto stopped = [&] { stop(); };
  make_pool(user, 5);
  pool->warm_like(*other, stopped);
  run();
  EXPECT_EQ(pool->idle(), other->total());
  EXPECT_EQ(pool->total(), other->total());
  line.emplace_back(two);
  EXPECT_NE(pool->acquire(line.back()), nullptr);
  bool done = false;
  pool->warm_like(*other, [&] { done = true; });
  EXPECT_TRUE(done);
  EXPECT_EQ(pool->total(), other->total());

  make_pool(user, 2);
  pool->warm_like(*other, stopped);
  run();
  EXPECT_EQ(pool->idle(), 2U);

  make_pool(user, 5);
  pool->set_endpoint({.host = "127.0.0.1", .port = 1, .unix_path = {}});
  pool->warm_like(*other, stopped);
  run();
  EXPECT_EQ(pool->total(), 0U);
}

// State and prepared statements come along, for connections that are opened and for those that are there already. A
// statement that is refused is left out, and costs no connection.
TEST_P(PoolTest, BringsConnectionsToWhereThoseOfAnotherPoolAre) {
  const std::string user(demo::app_user);
  const IdentityPtr who = identity(user, cluster_->passwords().app);
  StatementTexts texts;
  CarriedState state;
  state.schema = demo::app_schema;
  state.assign({"sql_mode", "'ANSI_QUOTES'"});
  const auto first = texts.intern("SELECT ?", state, {});
  const auto refused = texts.intern("SELECT * FROM nowhere", state, {});
  const auto elsewhere = texts.intern("SELECT \"x\"", CarriedState(), {});  // a text, not a name
  const auto other = new_pool(user, 5);
  make_pool(user, 5);
  const auto led = in_use(*other, who, 2);
  for (Backend* idle : in_use(*pool, who, 1)) pool->release(*idle);
  for (Backend* backend : led) {
    backend->state = state;
    std::uint32_t id = 1;
    for (const auto& text : {first, refused, elsewhere}) EXPECT_TRUE(backend->statements.add(text, id++, 16).empty());
  }
  warm_like(*other);
  EXPECT_EQ(pool->idle(), 2U);
  EXPECT_EQ(opened, 4U);
  std::list<Waiter> line;
  for (int i = 0; i < 2; ++i) {
    line.emplace_back(who).wanted_state = &state;
    Backend* backend = pool->acquire(line.back());
    ASSERT_NE(backend, nullptr);
    EXPECT_TRUE(backend->state.same_as(state));
    for (const auto& text : {first, elsewhere}) EXPECT_NE(backend->statements.find(text.get()), nullptr) << text->sql;
    EXPECT_EQ(backend->statements.find(refused.get()), nullptr);
  }
  for (Backend* backend : led) backend->statements.clear();
}

// What state a connection is in after a setting was refused, nobody knows: another one takes its place.
TEST_P(PoolTest, AConnectionThatRefusesTheStateOfAnotherPoolsIsReplaced) {
  const std::string user(demo::app_user);
  const IdentityPtr who = identity(user, cluster_->passwords().app);
  const auto other = new_pool(user, 5);
  make_pool(user, 5);
  for (Backend* backend : in_use(*other, who, 2)) backend->state.assign({"sql_mode", "'NO_SUCH_MODE'"});
  for (Backend* idle : in_use(*pool, who, 1)) pool->release(*idle);
  warm_like(*other);
  EXPECT_EQ(pool->idle(), 2U);
  EXPECT_EQ(opened, 6U);
  std::list<Waiter> line;
  for (int i = 0; i < 2; ++i) {
    Backend* backend = pool->acquire(line.emplace_back(who));
    ASSERT_NE(backend, nullptr);
    EXPECT_TRUE(backend->state.same_as(CarriedState()));
    EXPECT_FALSE(backend->tainted);
  }
}

// The server allows fewer connections than the pool: one that is only kept is asked back.
TEST_P(PoolTest, AServersOwnLimitCallsAKeptConnectionBack) {
  make_pool("limited", 5);
  Waiter keeper(limited());
  Waiter other(keeper.wanted_identity);
  Backend* kept = nullptr;
  bool granted = false;
  keeper.granted = [&](Backend& backend) {
    kept = &backend;
    EXPECT_TRUE(pool->keep(keeper));
    EXPECT_EQ(pool->acquire(other), nullptr);
  };
  keeper.wanted_back = [&] { pool->release(*kept); };
  other.granted = [&](Backend&) {
    granted = true;
    stop();
  };
  EXPECT_EQ(pool->acquire(keeper), nullptr);
  run();
  EXPECT_TRUE(granted);
}

// The same with an idle connection that this waiter can't use.
TEST_P(PoolTest, AServersOwnLimitEndsAnIdleConnectionOfAnotherIdentity) {
  make_pool("limited", 5);
  Waiter first(limited());
  Waiter other(limited(33));
  bool granted = false;
  first.granted = [&](Backend& backend) {
    pool->release(backend);
    EXPECT_EQ(pool->acquire(other), nullptr);
  };
  other.granted = [&](Backend&) {
    granted = true;
    stop();
  };
  // As a session does: the server may not have heard of the goodbye yet.
  other.denied = [&](std::uint16_t code, std::string_view text) {
    EXPECT_EQ(code, 0U) << text;
    EXPECT_EQ(pool->acquire(other), nullptr);
  };
  EXPECT_EQ(pool->acquire(first), nullptr);
  run();
  EXPECT_TRUE(granted);
}

INSTANTIATE_TEST_SUITE_P(Both, PoolTest, testing::Values(SLUICE_TEST_SESSION_LOOPS),
                         [](const auto& loop) { return std::string(io::to_string(loop.param)); });

}  // namespace
}  // namespace sluice::proxy
