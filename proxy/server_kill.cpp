#include "proxy/server_kill.hpp"

#include <utility>

namespace sluice::proxy {

ServerKill::ServerKill(io::Loop& loop, Pool& pool, const Backend& victim, What what,
                       std::function<void(ServerKill&)> over)
    : loop_(loop),
      pool_(pool),
      statement_((what == What::query ? "KILL QUERY " : "KILL ") + std::to_string(victim.thread_id())),
      state_(victim.state),
      over_(std::move(over)) {
  wanted_identity = victim.identity();
  wanted_state = &state_;
  urgent = true;
}

ServerKill::~ServerKill() {
  loop_.cancel_timer(deadline_);
  if (backend_ != nullptr) backend_->set_user(nullptr);
}

void ServerKill::start(std::uint32_t deadline_ms) {
  deadline_ = loop_.start_timer(deadline_ms, *this);
  if (Backend* backend = pool_.acquire(*this); backend != nullptr) on_backend_granted(*backend);
}

void ServerKill::on_backend_granted(Backend& backend) {
  backend_ = &backend;
  backend.set_user(this);
  Preparation preparation;
  preparation.target = backend.state;
  preparation.statement_of_ours = statement_;
  backend.prepare(preparation);
}

void ServerKill::on_backend_denied(std::uint16_t /*code*/, std::string_view /*sqlstate*/, std::string_view /*text*/) {
  finish();
}

void ServerKill::on_prepared(Backend& /*backend*/) {
  pool_.release(*std::exchange(backend_, nullptr));
  finish();
}

// It ended by itself meanwhile (error 1094).
void ServerKill::on_prepare_refused(Backend& backend, const protocol::ErrPacket& /*error*/) { on_prepared(backend); }

void ServerKill::on_backend_lost(Backend& /*backend*/, std::string_view /*why*/) {
  backend_ = nullptr;
  finish();
}

void ServerKill::on_timer(io::TimerId /*timer*/) {
  deadline_ = {};
  pool_.cancel(*this);
  if (Backend* backend = std::exchange(backend_, nullptr)) {
    backend->set_user(nullptr);
    pool_.discard(*backend);
  }
  finish();
}

void ServerKill::finish() {
  loop_.cancel_timer(deadline_);
  deadline_ = {};
  over_(*this);
}

}  // namespace sluice::proxy
