#include "admin/sql/session.hpp"

#include <cassert>
#include <utility>

#include "admin/sql/variables.hpp"
#include "protocol/capabilities.hpp"
#include "protocol/command.hpp"
#include "protocol/reader.hpp"

namespace sluice::admin {
namespace {

using protocol::Bytes;
using protocol::Command;
namespace cap = protocol::cap;

constexpr protocol::Capabilities offered = cap::long_password | cap::found_rows | cap::long_flag |
                                           cap::connect_with_db | cap::protocol_41 | cap::transactions |
                                           cap::secure_connection | cap::plugin_auth | cap::connect_attrs |
                                           cap::plugin_auth_lenenc_data | cap::deprecate_eof;

SqlError garbled(std::string what) { return {1043, "08S01", "Bad handshake: " + std::move(what)}; }

}  // namespace

SqlSession::SqlSession(const SqlAccount& account, const protocol::Nonce& nonce, std::uint32_t connection_id,
                       std::string peer)
    : account_(account), nonce_(nonce), peer_(std::move(peer)) {
  protocol::Greeting greeting;
  greeting.server_version = admin_server_version();
  greeting.connection_id = connection_id;
  greeting.nonce = nonce;
  greeting.capabilities = offered;
  greeting.auth_plugin = protocol::native_password_plugin;
  writer().packet(protocol::encode_greeting(greeting));
}

PacketWriter SqlSession::writer() { return {output_, sequence_, negotiated_}; }

void SqlSession::receive(Bytes bytes) {
  if (stage_ == Stage::closed) return;
  input_.erase(input_.begin(), input_.begin() + static_cast<std::ptrdiff_t>(std::exchange(parsed_, 0)));
  input_.insert(input_.end(), bytes.begin(), bytes.end());
}

void SqlSession::fail(const SqlError& error) {
  writer().error(error);
  stage_ = Stage::closed;
}

// The next whole packet, if it is there and fit to be taken.
std::optional<protocol::ByteBuffer> SqlSession::take_packet() {
  const Bytes rest = Bytes(input_).subspan(parsed_);
  if (rest.size() < protocol::packet_header_size) return std::nullopt;
  const protocol::PacketHeader header = protocol::read_packet_header(rest);
  const bool login = stage_ != Stage::command;
  const std::uint8_t expected = login ? expected_ : 0;
  sequence_ = static_cast<std::uint8_t>(header.sequence + 1);
  if (header.sequence != expected) {
    fail({1156, "08S01", "Got packets out of order"});
    return std::nullopt;
  }
  if (header.length > (login ? login_packet_max : packet_max)) {
    fail({1153, "08S01", "Got a packet bigger than 'max_allowed_packet' bytes"});
    return std::nullopt;
  }
  if (rest.size() - protocol::packet_header_size < header.length) return std::nullopt;
  const Bytes payload = rest.subspan(protocol::packet_header_size, header.length);
  parsed_ += protocol::packet_header_size + header.length;
  return protocol::ByteBuffer(payload.begin(), payload.end());
}

SqlSession::Step SqlSession::next() {
  assert(stage_ != Stage::answering && "a query is answered before the next one");
  while (stage_ != Stage::closed) {
    const auto packet = take_packet();
    if (!packet) {
      if (stage_ == Stage::closed) break;
      return Step::need_more;
    }
    switch (stage_) {
      case Stage::handshake:
        on_handshake(*packet);
        break;
      case Stage::authenticating:
        on_auth(auth_->on_packet(*packet));
        break;
      case Stage::command:
        on_command(*packet);
        break;
      case Stage::answering:
      case Stage::closed:
        break;
    }
    if (stage_ == Stage::answering) return Step::query;
  }
  return Step::closing;
}

void SqlSession::on_handshake(Bytes payload) {
  if (protocol::is_ssl_request(payload)) return fail(garbled("the admin port does not offer TLS"));
  const auto response = protocol::parse_handshake_response(payload);
  if (!response || !protocol::has(response->capabilities, cap::protocol_41)) {
    return fail(garbled("the client's answer to the greeting is not understood"));
  }
  negotiated_ = response->capabilities & offered;
  user_ = response->user;
  const protocol::Credential* credential = user_ == account_.user ? &account_.credential : nullptr;
  constexpr bool secure_channel = false;
  auth_.emplace(credential, protocol::native_password_plugin, nonce_, secure_channel, nullptr);
  stage_ = Stage::authenticating;
  on_auth(auth_->start(response->auth_plugin, response->auth_response));
}

void SqlSession::on_auth(const protocol::AuthAction& action) {
  using Kind = protocol::AuthAction::Kind;
  switch (action.kind) {
    case Kind::send:
      writer().packet(action.payload);
      expected_ = static_cast<std::uint8_t>(sequence_ + 1);
      return;
    case Kind::wait:
      expected_ = sequence_;
      return;
    case Kind::accept:
      if (!action.payload.empty()) {
        writer().packet(action.payload);
        ++sequence_;
      }
      writer().ok();
      stage_ = Stage::command;
      return;
    case Kind::refuse:
      break;
  }
  fail({1045, "28000",
        "Access denied for user '" + printable(user_) + "'@'" + peer_ +
            "' (using password: " + (auth_->used_password() ? "YES)" : "NO)")});
}

void SqlSession::on_command(Bytes payload) {
  if (payload.empty()) return fail({1047, "08S01", "Unknown command"});
  switch (static_cast<Command>(payload[0])) {
    case Command::quit:
      stage_ = Stage::closed;
      return;
    case Command::query:
      query_ = protocol::as_text(payload.subspan(1));
      stage_ = Stage::answering;
      return;
    case Command::ping:
    case Command::init_db:
    case Command::reset_connection:
      return writer().ok();
    case Command::set_option:
      return writer().end_of_rows();
    case Command::field_list:
      return on_field_list(payload.subspan(1));
    case Command::statistics:
      return writer().packet(protocol::as_bytes("sluice admin: SELECT name, value FROM counters"));
    case Command::stmt_prepare:
      return writer().error({1295, "HY000", "the admin port has no prepared statements; send the query as text"});
    case Command::stmt_close:
    case Command::stmt_send_long_data:
      return;  // these have no answer
    default:
      return writer().error({1047, "08S01", "Unknown command; the admin port takes queries, pings and field lists"});
  }
}

void SqlSession::on_field_list(Bytes payload) {
  const std::string name(protocol::Reader(payload).nul_or_end_text());
  auto out = writer();
  if (const AdminTable* table = find_admin_table(name)) return append_field_list(out, *table);
  out.error({1146, "42S02", "table '" + printable(name) + "' doesn't exist; the tables are " + admin_table_names()});
}

void SqlSession::answer(const Result<ResultSet, SqlError>& result) {
  assert(stage_ == Stage::answering);
  auto out = writer();
  if (result) {
    append_result(out, *result);
  } else {
    out.error(result.error());
  }
  stage_ = Stage::command;
  query_.clear();
}

void SqlSession::answer_ok() {
  assert(stage_ == Stage::answering);
  writer().ok();
  stage_ = Stage::command;
  query_.clear();
}

}  // namespace sluice::admin
