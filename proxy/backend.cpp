#include "proxy/backend.hpp"

#include <cassert>
#include <system_error>
#include <utility>

#include "protocol/command.hpp"
#include "protocol/packet.hpp"

namespace sluice::proxy {

using protocol::ByteBuffer;
using protocol::Bytes;

namespace {

constexpr std::size_t login_packet_max = 64 * 1024;

}  // namespace

Backend::Backend(io::Loop& loop, BackendOwner& owner, IdentityPtr identity, BackendOptions options)
    : loop_(loop),
      owner_(owner),
      identity_(std::move(identity)),
      options_(std::move(options)),
      channel_(loop, *this),
      assembler_(login_packet_max) {}

Backend::~Backend() { loop_.cancel_timer(deadline_); }

void Backend::open() {
  login_ = std::make_unique<BackendLogin>(*identity_, options_.tls_mode, options_.endpoint.is_unix(), options_.rsa);
  deadline_ = loop_.start_timer(options_.connect_timeout_ms, *this);
  channel_.connect(options_.endpoint);
}

void Backend::close() {
  loop_.cancel_timer(deadline_);
  deadline_ = {};
  // Without a word the server would count an aborted client and warn in its log. COM_QUIT ends a transaction, too.
  if (ready_ && !answering_ && own_.empty()) {
    ByteBuffer quit;
    protocol::append_packet(quit, 0, ByteBuffer{static_cast<std::uint8_t>(protocol::Command::quit)});
    channel_.send_copy(quit);
    channel_.close_after_send();
  }
  channel_.close();
  user_ = nullptr;
}

void Backend::on_connected(int error) {
  if (error != 0) fail(0, "", "can't connect: " + std::error_code(error, std::generic_category()).message());
}

void Backend::on_timer(io::TimerId /*timer*/) {
  deadline_ = {};
  fail(0, "",
       "no answer within " + std::to_string(options_.connect_timeout_ms) + " ms (limits.backend_connect_timeout_ms)");
}

void Backend::on_bytes(io::Slice bytes) {
  while (!bytes.empty() && channel_.is_open()) {
    if (login_ != nullptr) {
      login_bytes(bytes);
    } else if (!own_.empty()) {
      own_bytes(bytes);
    } else if (answering_) {
      answer_bytes(bytes);
    } else {
      return broken(unasked_text(bytes));
    }
  }
}

// Servers say why they close a connection (error 1927, 1053); the end of the stream follows.
std::string Backend::unasked_text(const io::Slice& bytes) {
  const auto err = bytes.size() > protocol::packet_header_size
                       ? protocol::parse_err(bytes.bytes().subspan(protocol::packet_header_size))
                       : std::nullopt;
  return err ? std::string(err->message) : "the server spoke without being asked";
}

void Backend::login_bytes(io::Slice& bytes) {
  while (login_ != nullptr) {
    const auto packet = assembler_.next(bytes);
    if (assembler_.too_long()) return fail(0, "", "the server sent a packet too long for a handshake");
    if (!packet) return;
    login_step(login_->on_packet(packet->payload), static_cast<std::uint8_t>(packet->sequence + 1));
  }
}

void Backend::login_step(BackendLogin::Step step, std::uint8_t sequence) {
  using Kind = BackendLogin::Step::Kind;
  ByteBuffer out;
  switch (step.kind) {
    case Kind::wait:
      return;
    case Kind::done:
      return logged_on();
    case Kind::failed:
      return fail(login_->error_code(), login_->sqlstate(), login_->error());
    case Kind::send:
      protocol::append_packet(out, sequence, step.payload);
      return channel_.send_copy(out);
    case Kind::start_tls:
      protocol::append_packet(out, sequence, step.payload);
      channel_.send_copy(out);
      if (options_.tls == nullptr || !channel_.start_tls_client(*options_.tls, options_.endpoint.host)) {
        return fail(0, "", "can't start TLS to the server");
      }
      out.clear();
      protocol::append_packet(out, static_cast<std::uint8_t>(sequence + 1), login_->after_tls());
      return channel_.send_copy(out);
  }
}

void Backend::logged_on() {
  negotiated_ = login_->negotiated();
  thread_id_ = login_->greeting().connection_id;
  answer_.status = login_->status();
  autocommit_at_logon_ = state.autocommit = (answer_.status & protocol::status::autocommit) != 0;
  login_.reset();
  request(protocol::Command::query, logon_question, {OwnRequest::Kind::read_logon, nullptr, {}});
  for (const auto& name : owner_.set_names().all()) request_value(name);
  if (protocol::has(negotiated_, protocol::cap::session_track)) {
    request(protocol::Command::query, track_state_changes, {OwnRequest::Kind::at_logon, nullptr, {}});
  }
  start_own_answer();
}

// Where the flag of the logon's answer was another, it may be so in all answers until autocommit was another one, too
// (MySQL 5.6).
void Backend::know_logon(LogonStatePtr logon) {
  logon_ = std::move(logon);
  const bool autocommit = logon_->autocommit;
  if (std::exchange(autocommit_at_logon_, autocommit) != autocommit) {
    const std::string_view to_and_fro =
        autocommit ? "SET autocommit=0, autocommit=1" : "SET autocommit=1, autocommit=0";
    request(protocol::Command::query, to_and_fro, {OwnRequest::Kind::set_autocommit, nullptr, {}});
  }
  state.autocommit = autocommit;
}

void Backend::become_ready() {
  loop_.cancel_timer(deadline_);
  deadline_ = {};
  ready_ = true;
  owner_.on_backend_ready(*this);
}

void Backend::fail(std::uint16_t code, std::string_view sqlstate, std::string_view text) {
  const std::string why(text);
  const std::string state_text(sqlstate);
  loop_.cancel_timer(deadline_);
  deadline_ = {};
  channel_.close();
  login_.reset();
  owner_.on_backend_failed(*this, code, state_text, why);
}

void Backend::on_gone(std::string_view why) { broken(why); }

void Backend::broken(std::string_view why) {
  if (!ready_) return fail(0, "", why);
  const std::string reason(why);
  channel_.close();
  // The owner first: what the session does next must not be given another connection that died with this one.
  BackendUser* user = std::exchange(user_, nullptr);
  owner_.on_backend_lost(*this, reason, user != nullptr);
  if (user != nullptr) user->on_backend_lost(*this, reason);
}

void Backend::on_drained() {
  if (user_ != nullptr) user_->on_backend_drained(*this);
}

}  // namespace sluice::proxy
