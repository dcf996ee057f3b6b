// Session: a write that its leader refused because it had been made read-only before we heard of it. That had no
// effect, so it waits for a leader like those that come after it, instead of failing between two that succeed.
#include "protocol/response.hpp"
#include "proxy/session.hpp"
#include "proxy/worker.hpp"

namespace sluice::proxy {

using router::StatementKind;

namespace {

// ER_OPTION_PREVENTS_STATEMENT stands for several options; the text names the option, in every language of the server.
bool says_read_only(protocol::Bytes error) {
  constexpr std::uint16_t option_prevents_statement = 1290;
  const auto err = protocol::parse_err(error);
  return err && err->code == option_prevents_statement && err->message.find("read-only") != std::string_view::npos;
}

}  // namespace

// One statement that does one thing, with nothing open around it: refused at its start or at its commit, it is rolled
// back as a whole. A procedure or a text of several statements may have done something before it was refused.
bool Session::may_be_refused() const {
  const router::Classification* effect = current_.effect;
  if (effect == nullptr || effect->multi || any(effect->pin) || current_.streamed || !state_.autocommit || tied()) {
    return false;
  }
  switch (effect->kind) {
    case StatementKind::insert:
    case StatementKind::update:
    case StatementKind::delete_:
    case StatementKind::replace:
    case StatementKind::ddl:
    case StatementKind::begin:  // READ WRITE
      return true;
    default:
      return false;
  }
}

bool Session::withholds(const Backend& backend) const {
  return stage_ == Stage::running && may_be_refused() && current_.tries < tries_max && !current_.command.empty() &&
         says_read_only(backend.error_payload());
}

void Session::on_refused() {
  backend_->insert_id.reset();  // an INSERT may have taken one before it was refused
  worker_.on_read_only_leader(account_->cluster, server_);
  step_back("its leader has become read-only");
}

}  // namespace sluice::proxy
