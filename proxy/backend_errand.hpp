// The user of a connection on which only requests of our own are sent: none of its answers is for a client.
#pragma once

#include "proxy/backend.hpp"

namespace sluice::proxy {

class BackendErrand : public BackendUser {
 protected:
  ~BackendErrand() = default;

 private:
  void on_answer(Backend& /*backend*/, io::Slice /*bytes*/) final {}
  [[nodiscard]] bool withholds(const Backend& /*backend*/) const final { return false; }
  std::uint32_t client_statement_id() final { return 0; }
  void on_answered(Backend& /*backend*/) final {}
  void on_backend_drained(Backend& /*backend*/) final {}
  [[nodiscard]] protocol::Capabilities client_capabilities() const final { return 0; }
};

}  // namespace sluice::proxy
