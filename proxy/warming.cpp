#include "proxy/warming.hpp"

namespace sluice::proxy {

void Warming::start() {
  backend_.set_user(this);
  next();
}

void Warming::next() {
  while (next_ < pattern_.statements.size()) {
    if (prepare(pattern_.statements[next_++])) return;
  }
  if (backend_.state.same_as(pattern_.state)) return end(true);
  const auto steps = backend_.steps(backend_.state, pattern_.state);
  if (!steps) return end(true);
  Preparation preparation;
  preparation.before = *steps;
  preparation.target = pattern_.state;
  backend_.prepare(preparation);
}

// False: there is nothing to do, or no way.
bool Warming::prepare(const StatementTextPtr& text) {
  if (backend_.statements.find(text.get()) != nullptr) return false;
  const CarriedState reading = reading_state(*text, pattern_.state);
  const auto before = backend_.steps(backend_.state, reading);
  const auto after = backend_.steps(reading, pattern_.state);
  if (!before || !after) return false;
  Preparation preparation;
  preparation.before = *before;
  preparation.statement = text;
  preparation.after = *after;
  preparation.target = pattern_.state;
  backend_.prepare(preparation);
  return true;
}

void Warming::on_prepared(Backend& /*backend*/) { next(); }

void Warming::on_prepare_refused(Backend& backend, const protocol::ErrPacket& /*error*/) {
  backend.tainted ? end(false) : next();
}

void Warming::on_backend_lost(Backend& /*backend*/, std::string_view /*why*/) { end(false); }

void Warming::end(bool usable) {
  backend_.set_user(nullptr);
  owner_.on_warm(*this, usable);
}

}  // namespace sluice::proxy
