// One connection of the admin SQL port as a state machine without I/O: the peer's bytes go in, packets to send and
// queries to answer come out.
//
// Flow: send `take_output()`; `receive(bytes)`; then while `next()` is not `need_more`: `query`: run it and give it to
// `answer`; `closing`: send what is left, then close. Call `take_output()` after each step.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "admin/sql/engine.hpp"
#include "admin/sql/result_packets.hpp"
#include "admin/sql/statement.hpp"
#include "protocol/auth.hpp"
#include "protocol/bytes.hpp"
#include "protocol/handshake.hpp"
#include "protocol/packet.hpp"

namespace sluice::admin {

struct SqlAccount {
  std::string user;
  protocol::Credential credential;
};

class SqlSession {
 public:
  static constexpr std::size_t packet_max = 1U << 20;        // a command
  static constexpr std::size_t login_packet_max = 1U << 16;  // before authentication

  // `account` must outlive this. `peer` is shown in "access denied".
  SqlSession(const SqlAccount& account, const protocol::Nonce& nonce, std::uint32_t connection_id, std::string peer);

  enum class Step : std::uint8_t { need_more, query, closing };

  void receive(protocol::Bytes bytes);
  [[nodiscard]] Step next();
  [[nodiscard]] const std::string& query() const { return query_; }  // after Step::query, until answered
  void answer(const Result<ResultSet, SqlError>& result);
  void answer_ok();

  [[nodiscard]] protocol::ByteBuffer take_output() { return std::exchange(output_, {}); }
  [[nodiscard]] bool authenticated() const { return stage_ == Stage::command || stage_ == Stage::answering; }

 private:
  enum class Stage : std::uint8_t { handshake, authenticating, command, answering, closed };

  [[nodiscard]] std::optional<protocol::ByteBuffer> take_packet();
  void on_handshake(protocol::Bytes payload);
  void on_auth(const protocol::AuthAction& action);
  void on_command(protocol::Bytes payload);
  void on_field_list(protocol::Bytes payload);
  void fail(const SqlError& error);  // and close
  [[nodiscard]] PacketWriter writer();

  const SqlAccount& account_;
  const protocol::Nonce nonce_;
  const std::string peer_;
  Stage stage_ = Stage::handshake;
  protocol::Capabilities negotiated_ = 0;
  std::string user_;
  std::optional<protocol::ServerAuth> auth_;
  protocol::ByteBuffer input_;
  std::size_t parsed_ = 0;     // bytes of input_ that are done with
  std::uint8_t sequence_ = 0;  // of the packet to send next
  std::uint8_t expected_ = 1;  // of the packet to come
  protocol::ByteBuffer output_;
  std::string query_;
};

}  // namespace sluice::admin
