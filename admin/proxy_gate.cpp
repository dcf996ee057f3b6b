#include "admin/proxy_gate.hpp"

#include <algorithm>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <string>
#include <utility>

namespace sluice::admin {
namespace {

using Clock = std::chrono::steady_clock;

}  // namespace

// The proxy answers on a worker's thread.
proxy::Proxy::GateDone ProxyGate::answer(Done done) {
  return [&io = io_, done = std::move(done)](bool ok, std::string what) {
    boost::asio::post(io, [done, error = ok ? std::string() : std::move(what)] { done(error); });
  };
}

void ProxyGate::hold(std::size_t /*server*/, bool settle, std::chrono::milliseconds budget, Done done) {
  if (!settle) return proxy_.hold(cluster_, static_cast<std::uint32_t>(budget.count()), answer(std::move(done)));
  const auto end = Clock::now() + budget;
  const auto close = [this, order = ++order_, end, done = std::move(done)](const std::string& error) {
    if (!error.empty()) return done(error);
    if (order != order_) return done("the gate was opened");
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(end - Clock::now());
    proxy_.hold(cluster_, static_cast<std::uint32_t>(std::max<std::int64_t>(left.count(), 1)), answer(done));
  };
  proxy_.settle(cluster_, static_cast<std::uint32_t>(budget.count()), answer(close));
}

void ProxyGate::cut(std::size_t server, std::chrono::milliseconds /*budget*/, Done done) {
  proxy_.cut(cluster_, static_cast<std::uint32_t>(server), answer(std::move(done)));
}

void ProxyGate::release(std::size_t server, std::uint64_t epoch, std::chrono::milliseconds /*budget*/, Done done) {
  ++order_;
  publish_(server, epoch);
  proxy_.release(cluster_, [told = answer(std::move(done))] { told(true, {}); });
}

void ProxyGate::warm(std::size_t like, std::size_t server, std::chrono::milliseconds budget, Done done) {
  const auto timer = std::make_shared<boost::asio::steady_timer>(io_, budget);
  const auto once = std::make_shared<Done>(std::move(done));
  const auto tell = [once](const std::string& error) {
    if (const Done told = std::exchange(*once, nullptr)) told(error);
  };
  timer->async_wait([timer, tell, budget](const boost::system::error_code& cancelled) {
    if (!cancelled) tell("not all are open after " + std::to_string(budget.count()) + " ms");
  });
  const auto opened = answer([timer, tell](const std::string& error) {
    timer->cancel();
    tell(error);
  });
  proxy_.warm(cluster_, static_cast<std::uint32_t>(like), static_cast<std::uint32_t>(server),
              [opened] { opened(true, {}); });
}

void ProxyGate::open() {
  ++order_;
  proxy_.release(cluster_, [] {});
}

}  // namespace sluice::admin
