// A client's KILL on its way (session_kill.cpp).
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "proxy/kill_statement.hpp"

namespace sluice::proxy {

// What the workers know of a server's thread.
struct ThreadMark {
  std::uint32_t session = 0;  // whose connection it is; 0: nobody's at the moment, or none of ours
  bool dropped = false;       // a worker could not be asked

  ThreadMark& operator+=(const ThreadMark& part) {
    if (part.session != 0) session = part.session;
    dropped = dropped || part.dropped;
    return *this;
  }
};

struct KillInWork {
  KillStatement statement;
  std::string expression;               // whose value is the id, until that is known
  std::optional<std::uint32_t> server;  // whose thread is meant; nullopt: there was no leader
  ThreadMark victim;
  bool asked = false;  // the server computes the expression
};

}  // namespace sluice::proxy
