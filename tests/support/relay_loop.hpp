// What relays between clients and a real server have in common: they wait for both sides of every link, and pass on.
//
// Flow: `relay_until_woken(wake, listener, links, pass, accept);` on a thread of its own. A Link has `client` and
// `server`, descriptors; `pass(link, up)` passes what has come from the client (up) or from the server, false: the link
// is over; `accept()` takes one more client. Something written to `wake`, an eventfd(2), ends it.
#pragma once

#include <poll.h>
#include <unistd.h>

#include <list>
#include <vector>

namespace sluice::test {

template <class Link>
void close_link(Link& link) {
  if (link.client >= 0) ::close(link.client);
  if (link.server >= 0) ::close(link.server);
  link.client = link.server = -1;
}

template <class Link, class Pass, class Accept>
void relay_until_woken(int wake, int listener, std::list<Link>& links, Pass pass, Accept accept) {
  while (true) {
    std::vector<pollfd> waiting{{wake, POLLIN, 0}, {listener, POLLIN, 0}};
    for (const auto& link : links) {
      waiting.push_back({link.client, POLLIN, 0});
      waiting.push_back({link.server, POLLIN, 0});
    }
    if (::poll(waiting.data(), waiting.size(), -1) < 0) continue;
    if (waiting[0].revents != 0) return;
    std::size_t at = 2;
    for (auto& link : links) {
      const bool from_client = waiting[at].revents != 0;
      const bool from_server = waiting[at + 1].revents != 0;
      at += 2;
      if ((from_client && !pass(link, true)) || (from_server && !pass(link, false))) close_link(link);
    }
    links.remove_if([](const Link& link) { return link.client < 0; });
    if (waiting[1].revents != 0) accept();
  }
}

}  // namespace sluice::test
