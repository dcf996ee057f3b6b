// A proxy whose gate the test closes and opens, as the failover workflows do.
#pragma once

#include <algorithm>
#include <functional>
#include <future>
#include <memory>
#include <string>
#include <utility>

#include "proxy/session/proxy_test.hpp"

namespace sluice::proxy {

class GateFixture : public ProxyTest {
 protected:
  struct Answer {
    bool ok = false;
    std::string what;
  };
  using Answered = std::future<Answer>;

  Answered hold(std::uint32_t budget_ms = test::never_ms) {
    auto promise = std::make_shared<std::promise<Answer>>();
    proxy->hold(0, budget_ms, [promise](bool ok, std::string what) { promise->set_value({ok, std::move(what)}); });
    return promise->get_future();
  }
  Answered settle(std::uint32_t budget_ms = test::never_ms) {
    auto promise = std::make_shared<std::promise<Answer>>();
    proxy->settle(0, budget_ms, [promise](bool ok, std::string what) { promise->set_value({ok, std::move(what)}); });
    return promise->get_future();
  }
  Answered cut(std::uint32_t server) {
    auto promise = std::make_shared<std::promise<Answer>>();
    proxy->cut(0, server, [promise](bool ok, std::string what) { promise->set_value({ok, std::move(what)}); });
    return promise->get_future();
  }
  std::future<void> release() {
    auto promise = std::make_shared<std::promise<void>>();
    proxy->release(0, [promise] { promise->set_value(); });
    return promise->get_future();
  }
  // Nothing was open.
  void close_gate() {
    const Answer answer = hold().get();
    ASSERT_TRUE(answer.ok) << answer.what;
    ASSERT_EQ(answer.what, "");
  }
  static bool pending(const Answered& answered) {
    return answered.wait_for(std::chrono::seconds{0}) != std::future_status::ready;
  }

  GateRow gate() { return report().gates.at(0); }
  [[nodiscard]] bool await_waiting(std::uint64_t n) {
    return await([&] { return gate().waiting == n; });
  }

  std::size_t count(const std::function<bool(const SessionRow&)>& which) {
    const Report r = report();
    return static_cast<std::size_t>(std::count_if(r.sessions.begin(), r.sessions.end(), which));
  }
  std::size_t running_now() {
    return count([](const SessionRow& row) { return row.state == "running"; });
  }
  std::size_t pinned() {
    return count([](const SessionRow& row) { return !row.pin.empty(); });
  }
  SessionRow only_pinned() {
    const Report r = report();
    const auto row = std::find_if(r.sessions.begin(), r.sessions.end(), [](const auto& s) { return !s.pin.empty(); });
    return row == r.sessions.end() ? SessionRow{} : *row;
  }
  std::uint32_t kept() {
    std::uint32_t sum = 0;
    for (const auto& pool : report().pools) sum += pool.kept;
    return sum;
  }
};

}  // namespace sluice::proxy
