// A client that speaks packets, for what drivers don't do: pipelined commands, half packets, wrong sequence numbers.
//
// Flow: `RawClient client(port); client.login(…); client.send(packet(command, body)); Result r = client.read_result();`
// Everything blocks until something comes, or nothing goes on any more; then the answer is empty and the test fails.
#pragma once

#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "protocol/auth.hpp"
#include "protocol/command.hpp"
#include "protocol/handshake.hpp"
#include "protocol/packet.hpp"
#include "protocol/response.hpp"

namespace sluice::proxy {

using protocol::ByteBuffer;
using protocol::Bytes;
using protocol::Capabilities;
using protocol::Command;
namespace cap = protocol::cap;

// One command as packets on the wire.
ByteBuffer packet(Command command, std::string_view body = {}, std::uint8_t sequence = 0);

inline ByteBuffer query(std::string_view sql) { return packet(Command::query, sql); }

inline void append(ByteBuffer& to, const ByteBuffer& more) { to.insert(to.end(), more.begin(), more.end()); }

// Commands that are sent ahead of their answers, in one write.
ByteBuffer pipelined(std::initializer_list<ByteBuffer> commands);

std::string number4(std::uint32_t n);

// STMT_EXECUTE with text parameters; `types`: say them, as a client does once.
ByteBuffer execute(std::uint32_t id, const std::vector<std::string>& values, bool types, std::uint8_t flags = 0);

// STMT_EXECUTE as given: one bit a parameter that is NULL, the types (empty: not said), the values.
ByteBuffer execute_as(std::uint32_t id, std::string_view nulls, std::string_view types, std::string_view values);

struct Result {
  enum class Kind { none, ok, error, rows };  // none: the connection ended instead
  Kind kind = Kind::none;
  std::uint16_t error = 0;
  std::string text;  // of the error, or the OK packet's info
  protocol::StatusFlags status = 0;
  std::uint16_t warnings = 0;
  std::uint64_t affected = 0;
  std::uint64_t last_insert_id = 0;
  std::uint8_t first_sequence = 0;
  ByteBuffer session_state;
  std::vector<std::vector<std::string>> rows;  // "NULL" for NULL
  [[nodiscard]] std::string value() const { return rows.empty() || rows[0].empty() ? "" : rows[0][0]; }
};

bool contains(const Result& result, std::string_view part);

class RawClient {
 public:
  static constexpr Capabilities ordinary = cap::client_mysql | cap::long_flag | cap::protocol_41 | cap::transactions |
                                           cap::secure_connection | cap::plugin_auth | cap::multi_results |
                                           cap::ps_multi_results | cap::multi_statements;

  explicit RawClient(std::uint16_t port, int receive_buffer = 0);
  ~RawClient() { disconnect(); }
  RawClient(const RawClient&) = delete;
  RawClient& operator=(const RawClient&) = delete;

  void disconnect();
  void half_close() const;
  [[nodiscard]] int fd() const { return fd_; }

  std::uint8_t collation = 45;  // of the handshake

  // The answer to the login: ok, or the error.
  Result login(const std::string& user, const std::string& password, const std::string& schema = {},
               Capabilities capabilities = ordinary);

  bool greet();

  Result log_in(const std::string& user, const std::string& password, const std::string& schema,
                Capabilities capabilities);

  Result change_user(const std::string& user, const std::string& password, const std::string& schema,
                     std::uint16_t with_collation = 45);

  void send(Bytes bytes) const;

  Result run(std::string_view sql);

  // The id of the statement, 0 if it was refused (the error is in `last`).
  std::uint32_t prepare(std::string_view sql);

  std::uint32_t read_prepared();

  // One result: OK, ERR or a resultset. `binary`: rows are kept as they are. `cursor`: one was asked for, so that the
  // rows may wait in the server.
  Result read_result(bool binary = false, bool cursor = false);

  // All of a statement's, up to the one after which there are no more.
  std::vector<Result> read_results(bool binary = false, bool cursor = false);

  Result read_rows(Result result, std::size_t count, bool binary);

  // One packet's payload, continuation packets joined; nullopt: the connection ended.
  std::optional<ByteBuffer> read_packet();

  [[nodiscard]] bool at_end();
  [[nodiscard]] std::uint8_t sequence() const { return sequence_; }

  protocol::Greeting greeting;
  Result last;
  std::uint16_t columns = 0;

 private:
  Result prove(protocol::ClientAuth& auth);

  Result take_ok(const ByteBuffer& payload, Result result) const;
  Result take_end(const ByteBuffer& payload, Result result) const;
  static Result take_error(const ByteBuffer& payload);

  static std::vector<std::string> columns_of(const ByteBuffer& row, std::size_t count);

  bool read_exactly(ByteBuffer& into) const;

  int fd_ = -1;
  std::uint8_t sequence_ = 0;
  Capabilities capabilities_ = ordinary;
};

}  // namespace sluice::proxy
