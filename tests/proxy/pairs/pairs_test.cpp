// Two clients with random scripts on one server connection: each is answered as it is when it is alone with the leader.
//
// Each pair: either script alone, directly; then both through a proxy with one worker and one connection to each
// server, a step of one or of the other in random order. Compared is all that a client is told, what is left of the
// data, and what somebody sees who comes after them on the same connection. A failure prints the scripts, shortened
// while they still differ.
//
// Always the same pairs, so that nobody's change fails by chance. To look for more: SLUICE_TEST_PAIRS of them, from
// SLUICE_TEST_SEED on.
#include <cstdlib>
#include <iostream>
#include <random>

#include "proxy/pairs/player.hpp"
#include "proxy/session/proxy_test.hpp"
#include "proxy/session/trusted_functions.hpp"
#include "support/sizes.hpp"

namespace sluice::proxy {
namespace {

using test::Player;
using test::Script;

constexpr unsigned pairs_each = test::sized(150U, 50U);
constexpr std::array<std::string_view, 2> prefixes = {"a", "b"};

unsigned from_environment(const char* name, unsigned otherwise) {
  const char* text = std::getenv(name);  // NOLINT(concurrency-mt-unsafe): nobody sets it
  return text != nullptr ? static_cast<unsigned>(std::stoul(text)) : otherwise;
}

using Outcomes = std::vector<std::string>;

struct Pair {
  std::array<Script, 2> scripts;
  std::uint32_t order = 0;  // seed of whose turn it is
};

class PairsTest : public ProxyTest {
 protected:
  void SetUp() override {
    options.workers = 1;
    options.limits.backend_connections_max = 1;
    root_ = std::make_unique<Sql>(cluster.root(0));
    root_->exec("CREATE DATABASE other");
    for (const std::string schema : {"other", "app"}) {
      root_->exec("USE " + schema);
      root_->exec("CREATE TABLE here (s CHAR(5))");
      root_->exec("INSERT INTO here VALUES ('" + schema + "')");
    }
    root_->exec("CREATE TABLE c_t (id INT PRIMARY KEY)");
    for (const std::string_view prefix : prefixes) run_as_root(test::definitions(prefix));
    for (const std::size_t replica : {1U, 2U}) replicas_.push_back(std::make_unique<Sql>(cluster.root(replica)));
    start();
    newcomer_ = alone(newcomers_script_);
  }
  void TearDown() override {
    root_->exec("DROP DATABASE other");
    ProxyTest::TearDown();
    trusted_.restore();
  }

  void run_as_root(const std::vector<std::string>& statements) {
    for (const auto& statement : statements) root_->exec(statement);
  }
  Outcomes data(std::string_view prefix) {
    Outcomes out;
    for (const auto& question : test::data_questions(prefix)) out.push_back(root_->value(question));
    return out;
  }

  // As replicas_have_all, without a connection each time. Who is asked next has written nothing yet.
  void replicas_catch_up() {
    const std::string all = "SELECT MASTER_GTID_WAIT('" + root_->value("SELECT @@gtid_binlog_pos") + "')";
    for (const auto& replica : replicas_) EXPECT_EQ(replica->value(all), "0");
    for (auto& fresh : freshness) fresh->store(now_ms());
  }

  // Directly on the leader. The server has forgotten the client when this returns.
  Outcomes alone(const Script& script) {
    std::uint32_t id = 0;
    Outcomes outcomes;
    {
      Player player(cluster->node(0).port(), script, account());
      if (!player.log_in()) return {};
      id = player.id();
      player.run_all();
      outcomes = player.outcomes();
    }
    const std::string still = "SELECT COUNT(*) FROM information_schema.processlist WHERE id = " + std::to_string(id);
    EXPECT_TRUE(await([&] { return root_->value(still) == "0"; }, 1ms));
    return outcomes;
  }

  [[nodiscard]] Player::Account account() { return {user(), password()}; }

  // One after the other; the data is as it was at first afterwards.
  std::array<Outcomes, 2> both_alone(const Pair& pair, std::array<Outcomes, 2>* left_behind = nullptr) {
    std::array<Outcomes, 2> outcomes;
    for (const std::size_t i : {0U, 1U}) {
      run_as_root(test::fresh_data(prefixes[i]));
      outcomes[i] = alone(pair.scripts[i]);
      if (left_behind != nullptr) (*left_behind)[i] = data(prefixes[i]);
      run_as_root(test::fresh_data(prefixes[i]));
    }
    return outcomes;
  }

  // What differs when both run through the proxy, in words; empty: nothing does.
  std::string difference(const Pair& pair) {
    std::array<Outcomes, 2> wanted_data;
    const std::array<Outcomes, 2> wanted = both_alone(pair, &wanted_data);
    replicas_catch_up();
    std::array<Outcomes, 2> got;
    if (std::string problem = together(pair, got); !problem.empty()) return problem;
    for (const std::size_t i : {0U, 1U}) {
      const auto steps = [&](std::size_t step) { return to_string(pair.scripts[i].steps[step]); };
      if (std::string problem = first_difference(wanted[i], got[i], steps); !problem.empty()) return problem;
    }
    return afterwards(wanted_data);
  }

  std::string afterwards(const std::array<Outcomes, 2>& wanted_data) {
    Player later(port(), newcomers_script_, account());
    if (!later.log_in()) return "nobody can log in any more";
    later.run_all();
    const auto steps = [&](std::size_t step) { return "later: " + to_string(newcomers_script_.steps[step]); };
    if (std::string problem = first_difference(newcomer_, later.outcomes(), steps); !problem.empty()) return problem;
    for (const std::size_t i : {0U, 1U}) {
      const auto questions = test::data_questions(prefixes[i]);
      const auto question = [&](std::size_t at) { return "left behind: " + questions[at]; };
      if (std::string problem = first_difference(wanted_data[i], data(prefixes[i]), question); !problem.empty()) {
        return problem;
      }
    }
    return {};
  }

  template <class Said>
  static std::string first_difference(const Outcomes& wanted, const Outcomes& got, Said&& said) {
    for (std::size_t i = 0; i < wanted.size(); ++i) {
      if (i < got.size() && wanted[i] == got[i]) continue;
      return said(i) + "\n    alone:    " + wanted[i] + "\n    together: " + (i < got.size() ? got[i] : "nothing");
    }
    return {};
  }

  // Both through the proxy. Who waits for the connection that the other is tied to goes on when the other has ended.
  std::string together(const Pair& pair, std::array<Outcomes, 2>& got) {
    std::array<std::unique_ptr<Player>, 2> players;
    for (const std::size_t i : {0U, 1U}) {
      players[i] = std::make_unique<Player>(port(), pair.scripts[i], account());
      if (!players[i]->log_in()) return "cannot log in";
    }
    std::mt19937 order(pair.order);
    const auto over = [&](std::size_t i) { return players[i] == nullptr; };
    while (!over(0) || !over(1)) {
      const std::size_t i = over(0) ? 1 : over(1) ? 0 : order() % 2;
      if (order() % 4 == 0) replicas_catch_up();
      if (!one_step(*players[i], over(1 - i) ? nullptr : players[1 - i].get()))
        return "nothing goes on any more: " + sessions_in_words();
      if (!players[i]->done()) continue;
      got[i] = players[i]->outcomes();
      players[i].reset();
    }
    return await([&] { return report().sessions.empty(); }, 1ms) ? "" : "sessions without clients stay";
  }

  // Until the answer is there, or the other one has to go on first. False: neither does.
  bool one_step(Player& player, const Player* other) {
    if (!player.waits_for_answer()) player.send();
    if (!player.waits_for_answer()) return true;
    const auto others_turn = [&] {
      return other != nullptr && (!other->waits_for_answer() || other->answer_is_there()) && is_waiting(player.id());
    };
    const bool goes_on = await([&] { return player.answer_is_there(1) || others_turn(); }, 0ms);
    if (player.answer_is_there()) player.take();
    return goes_on;
  }
  std::string sessions_in_words() {
    std::string out;
    for (const auto& row : report().sessions) {
      out += row.state + " on '" + row.server + "', tied by '" + row.pin + "'; ";
    }
    return out;
  }
  bool is_waiting(std::uint32_t id) {
    const Report now = report();
    return std::any_of(now.sessions.begin(), now.sessions.end(), [&](const SessionRow& row) {
      return row.id == id && row.state == "waiting for a server connection";
    });
  }

  // A proxy that nothing has happened to.
  void start_anew() {
    proxy.reset();
    start();
  }

  // The pair with all steps taken out that it differs without.
  Pair shortened(Pair pair) {
    for (bool shorter = true; shorter;) {
      shorter = false;
      for (Script& script : pair.scripts) {
        for (std::size_t step = script.steps.size(); step-- > 0 && script.steps.size() > 1;) {
          const test::Step removed = script.steps[step];
          script.steps.erase(script.steps.begin() + static_cast<std::ptrdiff_t>(step));
          start_anew();
          if (!difference(pair).empty()) {
            shorter = true;
          } else {
            script.steps.insert(script.steps.begin() + static_cast<std::ptrdiff_t>(step), removed);
          }
        }
      }
    }
    return pair;
  }

  static Pair make_pair(std::uint32_t seed) {
    return {{test::make_script(seed * 2, prefixes[0]), test::make_script(seed * 2 + 1, prefixes[1])}, seed};
  }

  // False: they differ, and the test has failed.
  bool run_pair(std::uint32_t seed) {
    const Pair pair = make_pair(seed);
    const std::string first = difference(pair);
    if (first.empty()) return true;
    const Pair shorter = shortened(pair);
    start_anew();
    const std::string second = difference(shorter);
    start_anew();
    ADD_FAILURE() << "SLUICE_TEST_SEED=" << seed << " SLUICE_TEST_PAIRS=1\n"
                  << (second.empty() ? first : second) << "\nA:\n"
                  << to_string(shorter.scripts[0]) << "B:\n"
                  << to_string(shorter.scripts[1]);
    return false;
  }

 private:
  TrustedFunctions trusted_{cluster};
  std::unique_ptr<Sql> root_;
  std::vector<std::unique_ptr<Sql>> replicas_;
  Script newcomers_script_ = test::newcomer();
  Outcomes newcomer_;
};

TEST_P(PairsTest, EachIsAnsweredAsIfItWereAlone) {
  const std::uint32_t first = from_environment("SLUICE_TEST_SEED", GetParam() == io::Backend::epoll ? 1 : 500'000);
  const unsigned pairs = from_environment("SLUICE_TEST_PAIRS", pairs_each);
  unsigned wrong = 0;
  for (unsigned i = 0; i < pairs && wrong < 5; ++i) {
    if (!run_pair(first + i)) ++wrong;
  }
  std::cout << pairs << " pairs from seed " << first << ", " << wrong << " wrong\n";
}

// What is compared shows it when sessions are not kept apart: here they take turns on one connection to the server.
TEST_P(PairsTest, TwoOnOneConnectionAreFoundOut) {
  unsigned found = 0;
  for (std::uint32_t seed = 1; seed <= 10; ++seed) {
    Pair pair = make_pair(seed);
    for (Script& script : pair.scripts) script.deprecate_eof = false;
    const std::array<Outcomes, 2> wanted = both_alone(pair);
    Player a(cluster->node(0).port(), pair.scripts[0], account());
    ASSERT_TRUE(a.log_in());
    Player b(a, pair.scripts[1]);
    std::mt19937 order(pair.order);
    while (!a.done() || !b.done()) {
      Player& one = a.done() ? b : b.done() ? a : order() % 2 == 0 ? a : b;
      one.send();
      while (one.waits_for_answer()) one.take();
    }
    if (a.outcomes() != wanted[0] || b.outcomes() != wanted[1]) ++found;
  }
  EXPECT_GE(found, 8U);
}

SLUICE_PROXY_ON_BOTH_LOOPS(PairsTest);

}  // namespace
}  // namespace sluice::proxy
