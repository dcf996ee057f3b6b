// A proxy whose connection to the leader is cut at each step of what a client does.
//
// Flow: `at_each_step(Direction::to_client, [&](RawClient& client, const CuttingRelay& relay) { … });`
#pragma once

#include <cstddef>

#include "proxy/session/cutting_relay.hpp"
#include "proxy/session/proxy_test.hpp"

namespace sluice::proxy {

class CuttingFixture : public ProxyTest {
 protected:
  // The same script again and again, with a new proxy and a client that is logged in there, and with the connection to
  // the leader cut at packet 0, 1, 2, … until the script is through before that. All statements go over this
  // connection.
  template <class Script>
  void at_each_step(Direction direction, Script&& script) {
    options.workers = 1;
    usable = {false, false, false};
    bool reached = true;
    for (std::size_t step = 0; reached; ++step) {
      SCOPED_TRACE((direction == Direction::to_server ? "to the server " : "to the client ") + std::to_string(step));
      ASSERT_LT(step, steps_max);
      CuttingRelay relay(cluster->node(0).port());
      relay.cut(direction, step);
      leader_port = relay.port();
      start();
      RawClient client(port());
      log_in(client);
      script(client, relay);
      if (HasFatalFailure()) return;
      reached = relay.has_cut();
      proxy.reset();
    }
  }

 private:
  static constexpr std::size_t steps_max = 100;
};

}  // namespace sluice::proxy
