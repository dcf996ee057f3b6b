#include "proxy/pairs/player.hpp"

#include <poll.h>

#include <array>

#include "protocol/statement.hpp"
#include "proxy/raw_client.hpp"

namespace sluice::test {
namespace {

namespace cap = protocol::cap;
namespace status = protocol::status;
using protocol::ByteBuffer;
using protocol::Command;

constexpr std::string_view ended = "the connection ended";

// What is told of the session and of what comes next; not what hangs on a server's statistics and speed, and not
// whether changes are told, which a client without session tracking does not see otherwise.
constexpr protocol::StatusFlags compared = status::in_transaction | status::autocommit | status::more_results |
                                           status::cursor_exists | status::no_backslash_escapes |
                                           status::in_transaction_readonly | status::ansi_quotes;

std::string readable(const ByteBuffer& bytes, std::size_t from = 0) {
  static constexpr std::string_view digits = "0123456789abcdef";
  std::string out;
  for (std::size_t i = from; i < bytes.size(); ++i) {
    const std::uint8_t byte = bytes[i];
    if (byte >= 0x20 && byte < 0x7f) {
      out += static_cast<char>(byte);
    } else {
      out += '<';
      out += digits[byte >> 4U];
      out += digits[byte & 15U];
      out += '>';
    }
  }
  return out;
}

std::string in_words(protocol::StatusFlags flags, unsigned warnings) {
  static constexpr auto names = std::to_array<std::pair<protocol::StatusFlags, std::string_view>>({
      {status::in_transaction, "transaction"},
      {status::autocommit, "autocommit"},
      {status::more_results, "more"},
      {status::cursor_exists, "cursor"},
      {status::no_backslash_escapes, "no_backslash"},
      {status::in_transaction_readonly, "read_only"},
      {status::ansi_quotes, "ansi"},
  });
  std::string out = std::to_string(warnings) + " warnings";
  for (const auto& [flag, name] : names) {
    if ((flags & compared & flag) != 0) out += std::string(" ") + std::string(name);
  }
  return out;
}

std::string error_in_words(const ByteBuffer& packet) {
  const auto error = protocol::parse_err(packet);
  if (!error) return "malformed error " + readable(packet);
  return "error " + std::to_string(error->code) + " " + std::string(error->sqlstate) + ": " +
         std::string(error->message);
}

}  // namespace

Player::Player(std::uint16_t port, const Script& script, Account account)
    : script_(script),
      account_(std::move(account)),
      secret_{.password = account_.password, .native_stage1 = {}, .sha2_stage1 = {}},
      client_(std::make_shared<proxy::RawClient>(port)),
      capabilities_(proxy::RawClient::ordinary |
                    (script.deprecate_eof ? cap::deprecate_eof : protocol::Capabilities{})) {}

Player::Player(const Player& other, const Script& script)
    : script_(script),
      account_(other.account_),
      secret_(other.secret_),
      client_(other.client_),
      capabilities_(other.capabilities_) {}

Player::~Player() = default;

std::uint32_t Player::id() const { return client_->greeting.connection_id; }

bool Player::log_in() {
  const proxy::Result result = client_->login(account_.user, account_.password, "app", capabilities_);
  EXPECT_EQ(result.kind, proxy::Result::Kind::ok) << result.error << " " << result.text;
  return result.kind == proxy::Result::Kind::ok;
}

bool Player::answer_is_there(int timeout_ms) const {
  pollfd readable{.fd = client_->fd(), .events = POLLIN, .revents = 0};
  return ::poll(&readable, 1, timeout_ms) > 0;
}

void Player::send() {
  const Step& step = script_.steps[outcomes_.size()];
  switch (step.kind) {
    case Step::Kind::query:
      client_->send(proxy::query(step.text));
      break;
    case Step::Kind::use:
      client_->send(proxy::packet(Command::init_db, step.text));
      break;
    case Step::Kind::prepare:
      client_->send(proxy::packet(Command::stmt_prepare, step.text));
      break;
    case Step::Kind::execute: {
      const auto statement = statements_.find(step.text);
      if (statement == statements_.end()) {
        outcomes_.emplace_back("is not prepared");
        return;
      }
      client_->send(proxy::execute(statement->second, {step.value}, true));
      break;
    }
    case Step::Kind::close:
      // It has no answer.
      if (const auto statement = statements_.find(step.text); statement != statements_.end()) {
        client_->send(proxy::packet(Command::stmt_close, proxy::number4(statement->second)));
        statements_.erase(statement);
      }
      outcomes_.emplace_back("closed");
      return;
    case Step::Kind::reset:
      client_->send(proxy::packet(Command::reset_connection));
      break;
    case Step::Kind::change_user:
      begin_change_user(step.text);
      break;
  }
  sent_ = true;
}

void Player::take() {
  std::optional<std::string> outcome = answer();
  if (!outcome) return;
  sent_ = false;
  outcomes_.push_back(std::move(*outcome));
  if (outcomes_.back() != ended) return;
  while (!done()) outcomes_.emplace_back("not said");
}

void Player::run_all() {
  while (!done()) {
    send();
    while (sent_) take();
  }
}

std::optional<std::string> Player::answer() {
  const Step& step = script_.steps[outcomes_.size()];
  switch (step.kind) {
    case Step::Kind::prepare:
      return prepared();
    case Step::Kind::change_user:
      return changed_user();
    case Step::Kind::reset:
      statements_.clear();
      return results(false);
    default:
      return results(step.kind == Step::Kind::execute);
  }
}

void Player::begin_change_user(const std::string& schema) {
  auth_ = std::make_unique<protocol::ClientAuth>(secret_, false, protocol::ClientRsa{});
  protocol::ChangeUser change;
  change.user = account_.user;
  change.schema = schema;
  change.auth_plugin = client_->greeting.auth_plugin;
  change.auth_response = auth_->respond(change.auth_plugin, client_->greeting.nonce);
  ByteBuffer out;
  protocol::append_packet(out, 0, protocol::encode_change_user(change, capabilities_));
  client_->send(out);
  statements_.clear();
}

// Nothing: it was asked for the password again, and the answer is still to come.
std::optional<std::string> Player::changed_user() {
  const auto packet = client_->read_packet();
  if (!packet || packet->empty()) return std::string(ended);
  if ((*packet)[0] == 0xff) return error_in_words(*packet);
  bool ignored = false;
  if ((*packet)[0] == 0x00) return end_of(*packet, ignored);
  const auto action = auth_->on_packet(*packet);
  if (action.kind == protocol::AuthAction::Kind::send) {
    ByteBuffer out;
    protocol::append_packet(out, static_cast<std::uint8_t>(client_->sequence() + 1), action.payload);
    client_->send(out);
  }
  return std::nullopt;
}

std::string Player::prepared() {
  const auto first = client_->read_packet();
  if (!first || first->empty()) return std::string(ended);
  if ((*first)[0] == 0xff) return error_in_words(*first);
  const auto ok = protocol::parse_prepare_ok(*first);
  if (!ok) return "malformed " + readable(*first);
  statements_[script_.steps[outcomes_.size()].text] = ok->statement_id;
  std::string out = "prepared, " + std::to_string(ok->warnings) + " warnings";
  for (const unsigned block : {ok->params, ok->columns}) {
    for (unsigned i = 0; i < block; ++i) {
      const auto definition = client_->read_packet();
      if (!definition) return std::string(ended);
      out += "; " + readable(*definition);
    }
    if (block > 0 && !script_.deprecate_eof) static_cast<void>(client_->read_packet());
  }
  return out;
}

std::string Player::results(bool binary) {
  std::string out;
  bool more = true;
  while (more) {
    more = false;
    const std::string one = one_result(binary, more);
    if (one == ended) return std::string(ended);
    out += (out.empty() ? "" : " || ") + one;
  }
  return out;
}

std::string Player::one_result(bool binary, bool& more) {
  const auto first = client_->read_packet();
  if (!first || first->empty()) return std::string(ended);
  if ((*first)[0] == 0xff) return error_in_words(*first);
  if ((*first)[0] == 0x00) return end_of(*first, more);
  const unsigned count = (*first)[0];
  std::string out = "columns";
  for (unsigned i = 0; i < count; ++i) {
    const auto definition = client_->read_packet();
    if (!definition) return std::string(ended);
    out += "; " + readable(*definition);
  }
  if (!script_.deprecate_eof) {
    const auto eof = client_->read_packet();
    if (!eof) return std::string(ended);
    bool ignored = false;
    out += "; " + end_of(*eof, ignored);
  }
  while (true) {
    const auto row = client_->read_packet();
    if (!row || row->empty()) return std::string(ended);
    if ((*row)[0] == 0xff) return out + "; " + error_in_words(*row);
    if ((*row)[0] == 0xfe) return out + "; " + end_of(*row, more);
    out += "; row " + readable(*row, binary ? 1 : 0);
  }
}

std::string Player::end_of(const ByteBuffer& packet, bool& more) const {
  if (packet[0] == 0xfe && !script_.deprecate_eof) {
    const auto eof = protocol::parse_eof(packet);
    if (!eof) return "malformed " + readable(packet);
    more = (eof->status & status::more_results) != 0;
    return "end " + in_words(eof->status, eof->warnings);
  }
  const auto ok = protocol::parse_ok(packet, capabilities_);
  if (!ok) return "malformed " + readable(packet);
  more = (ok->status & status::more_results) != 0;
  return "ok " + std::to_string(ok->affected_rows) + " rows, id " + std::to_string(ok->last_insert_id) + ", '" +
         std::string(ok->info) + "' " + in_words(ok->status, ok->warnings);
}

}  // namespace sluice::test
