#include "proxy/raw_client.hpp"

#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <cerrno>

#include "protocol/statement.hpp"
#include "proxy/io/sockets.hpp"
#include "support/time.hpp"

namespace sluice::proxy {

ByteBuffer packet(Command command, std::string_view body, std::uint8_t sequence) {
  ByteBuffer payload{static_cast<std::uint8_t>(command)};
  const Bytes bytes = protocol::as_bytes(body);
  payload.insert(payload.end(), bytes.begin(), bytes.end());
  ByteBuffer out;
  protocol::append_packet(out, sequence, payload);
  return out;
}

ByteBuffer pipelined(std::initializer_list<ByteBuffer> commands) {
  ByteBuffer all;
  for (const auto& command : commands) append(all, command);
  return all;
}

std::string number4(std::uint32_t n) {
  std::string out;
  for (int i = 0; i < 4; ++i) out.push_back(static_cast<char>(n >> (8 * i)));
  return out;
}

ByteBuffer execute(std::uint32_t id, const std::vector<std::string>& values, bool types, std::uint8_t flags) {
  std::string body = number4(id);
  body.push_back(static_cast<char>(flags));
  body += number4(1);
  if (!values.empty()) {
    body.append((values.size() + 7) / 8, '\0');
    body.push_back(types ? 1 : 0);
    if (types) {
      for (std::size_t i = 0; i < values.size(); ++i) body += std::string("\xfd\x00", 2);
    }
    for (const auto& value : values) {
      body.push_back(static_cast<char>(value.size()));
      body += value;
    }
  }
  return packet(Command::stmt_execute, body);
}

ByteBuffer execute_as(std::uint32_t id, std::string_view nulls, std::string_view types, std::string_view values) {
  std::string body = number4(id) + std::string(1, '\0') + number4(1);
  body.append(nulls).push_back(types.empty() ? '\0' : '\1');
  return packet(Command::stmt_execute, body.append(types).append(values));
}

bool contains(const Result& result, std::string_view part) { return result.text.find(part) != std::string::npos; }

RawClient::RawClient(std::uint16_t port, int receive_buffer) {
  const io::Endpoint endpoint{.host = "127.0.0.1", .port = port, .unix_path = {}};
  const io::ConnectStart start = io::start_connect(endpoint);
  fd_ = start.fd;
  pollfd connected{.fd = fd_, .events = POLLOUT, .revents = 0};
  ::poll(&connected, 1, test::hang_limit_ms);
  io::set_blocking(fd_, true);
  if (receive_buffer > 0) ::setsockopt(fd_, SOL_SOCKET, SO_RCVBUF, &receive_buffer, sizeof receive_buffer);
  const timeval bound{.tv_sec = test::hang_limit.count(), .tv_usec = 0};
  ::setsockopt(fd_, SOL_SOCKET, SO_RCVTIMEO, &bound, sizeof bound);
  ::setsockopt(fd_, SOL_SOCKET, SO_SNDTIMEO, &bound, sizeof bound);
}

void RawClient::disconnect() {
  if (fd_ >= 0) ::close(fd_);
  fd_ = -1;
}

void RawClient::half_close() const { ::shutdown(fd_, SHUT_WR); }

Result RawClient::login(const std::string& user, const std::string& password, const std::string& schema,
                        Capabilities capabilities) {
  if (!greet()) return {};
  return log_in(user, password, schema, capabilities);
}

bool RawClient::greet() {
  const auto first = read_packet();
  if (!first) return false;
  auto parsed = protocol::parse_greeting(*first);
  if (!parsed) return false;
  greeting = std::move(*parsed);
  return true;
}

Result RawClient::log_in(const std::string& user, const std::string& password, const std::string& schema,
                         Capabilities capabilities) {
  capabilities_ = capabilities & greeting.capabilities;
  protocol::HandshakeResponse response;
  if (!schema.empty()) capabilities_ |= cap::connect_with_db;
  response.capabilities = capabilities_;
  response.user = user;
  response.schema = schema;
  response.collation = collation;
  response.auth_plugin = greeting.auth_plugin;
  const protocol::Secret secret{.password = password, .native_stage1 = {}, .sha2_stage1 = {}};
  protocol::ClientAuth auth(secret, false, {});
  response.auth_response = auth.respond(greeting.auth_plugin, greeting.nonce);
  ByteBuffer out;
  protocol::append_packet(out, 1, protocol::encode_handshake_response(response));
  send(out);
  return prove(auth);
}

Result RawClient::change_user(const std::string& user, const std::string& password, const std::string& schema,
                              std::uint16_t with_collation) {
  const protocol::Secret secret{.password = password, .native_stage1 = {}, .sha2_stage1 = {}};
  protocol::ClientAuth auth(secret, false, {});
  protocol::ChangeUser change;
  change.user = user;
  change.schema = schema;
  change.collation = with_collation;
  change.auth_plugin = greeting.auth_plugin;
  change.auth_response = auth.respond(greeting.auth_plugin, greeting.nonce);
  ByteBuffer out;
  protocol::append_packet(out, 0, protocol::encode_change_user(change, capabilities_));
  send(out);
  return prove(auth);
}

void RawClient::send(Bytes bytes) const {
  while (!bytes.empty()) {
    const ssize_t n = ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return;
    bytes = bytes.subspan(static_cast<std::size_t>(n));
  }
}

Result RawClient::run(std::string_view sql) {
  send(query(sql));
  return read_result();
}

std::uint32_t RawClient::prepare(std::string_view sql) {
  send(packet(Command::stmt_prepare, sql));
  return read_prepared();
}

std::uint32_t RawClient::read_prepared() {
  const auto first = read_packet();
  if (!first || first->empty()) return 0;
  if ((*first)[0] == 0xff) {
    last = take_error(*first);
    return 0;
  }
  const auto ok = protocol::parse_prepare_ok(*first);
  if (!ok) return 0;
  for (const std::uint16_t block : {ok->params, ok->columns}) {
    if (block == 0) continue;
    for (int i = 0; i < block; ++i) static_cast<void>(read_packet());
    if (!protocol::has(capabilities_, cap::deprecate_eof)) static_cast<void>(read_packet());
  }
  columns = ok->columns;
  return ok->statement_id;
}

Result RawClient::read_result(bool binary, bool cursor) {
  Result result;
  const auto first = read_packet();
  result.first_sequence = sequence_;
  if (!first || first->empty()) return result;
  if ((*first)[0] == 0x00) return take_ok(*first, result);
  if ((*first)[0] == 0xfe) return take_end(*first, result);
  if ((*first)[0] == 0xff) return take_error(*first);
  const std::size_t count = (*first)[0];
  for (std::size_t i = 0; i < count; ++i) {
    if (!read_packet()) return result;
  }
  if (!protocol::has(capabilities_, cap::deprecate_eof)) {
    const auto eof = read_packet();
    if (!eof) return result;
    if (const auto parsed = protocol::parse_eof(*eof)) result.status = parsed->status;
    if (cursor && (result.status & (protocol::status::cursor_exists | protocol::status::more_results)) ==
                      protocol::status::cursor_exists) {
      result.kind = Result::Kind::rows;
      return result;
    }
  }
  return read_rows(result, count, binary);
}

std::vector<Result> RawClient::read_results(bool binary, bool cursor) {
  std::vector<Result> results;
  do {
    results.push_back(read_result(binary, cursor && results.empty()));
  } while (results.back().kind != Result::Kind::none && results.back().kind != Result::Kind::error &&
           (results.back().status & protocol::status::more_results) != 0);
  return results;
}

Result RawClient::read_rows(Result result, std::size_t count, bool binary) {
  while (true) {
    const auto row = read_packet();
    if (!row || row->empty()) {
      result.kind = Result::Kind::none;
      return result;
    }
    if ((*row)[0] == 0xff) return take_error(*row);
    if ((*row)[0] == 0xfe && row->size() < 0xffffff &&
        (row->size() < 9 || (protocol::has(capabilities_, cap::deprecate_eof)))) {
      result = take_end(*row, result);
      if (result.kind != Result::Kind::none) result.kind = Result::Kind::rows;
      return result;
    }
    result.rows.push_back(binary ? std::vector{std::string(protocol::as_text(*row))} : columns_of(*row, count));
  }
}

std::optional<ByteBuffer> RawClient::read_packet() {
  ByteBuffer payload;
  while (true) {
    ByteBuffer header(protocol::packet_header_size);
    if (!read_exactly(header)) return std::nullopt;
    const auto parsed = protocol::read_packet_header(header);
    sequence_ = parsed.sequence;
    ByteBuffer body(parsed.length);
    if (!read_exactly(body)) return std::nullopt;
    if (payload.empty() && !parsed.continued()) return body;
    payload.insert(payload.end(), body.begin(), body.end());
    if (!parsed.continued()) return payload;
  }
}

bool RawClient::at_end() {
  ByteBuffer one(1);
  return !read_exactly(one);
}

Result RawClient::prove(protocol::ClientAuth& auth) {
  while (true) {
    const auto answer = read_packet();
    if (!answer || answer->empty()) return {};
    if ((*answer)[0] == 0xff) return take_error(*answer);
    Result result;
    if ((*answer)[0] == 0x00) return take_ok(*answer, result);
    const auto action = auth.on_packet(*answer);
    if (action.kind == protocol::AuthAction::Kind::wait) continue;
    if (action.kind != protocol::AuthAction::Kind::send) return {};
    ByteBuffer out;
    protocol::append_packet(out, static_cast<std::uint8_t>(sequence_ + 1), action.payload);
    send(out);
  }
}

Result RawClient::take_ok(const ByteBuffer& payload, Result result) const {
  const auto ok = protocol::parse_ok(payload, capabilities_);
  if (!ok) return result;
  result.kind = Result::Kind::ok;
  result.status = ok->status;
  result.warnings = ok->warnings;
  result.affected = ok->affected_rows;
  result.last_insert_id = ok->last_insert_id;
  result.text = ok->info;
  result.session_state.assign(ok->session_state.begin(), ok->session_state.end());
  return result;
}

Result RawClient::take_end(const ByteBuffer& payload, Result result) const {
  if (protocol::has(capabilities_, cap::deprecate_eof) && payload.size() >= 7) return take_ok(payload, result);
  const auto eof = protocol::parse_eof(payload);
  if (!eof) return result;
  result.kind = Result::Kind::ok;
  result.status = eof->status;
  result.warnings = eof->warnings;
  return result;
}

Result RawClient::take_error(const ByteBuffer& payload) {
  Result result;
  result.kind = Result::Kind::error;
  if (const auto err = protocol::parse_err(payload)) {
    result.error = err->code;
    result.text = err->message;
  }
  return result;
}

std::vector<std::string> RawClient::columns_of(const ByteBuffer& row, std::size_t count) {
  std::vector<std::string> values;
  std::size_t at = 0;
  for (std::size_t i = 0; i < count && at < row.size(); ++i) {
    std::size_t length = row[at++];
    if (length == 0xfb) {
      values.emplace_back("NULL");
      continue;
    }
    const std::size_t more = length == 0xfc ? 2 : length == 0xfd ? 3 : length == 0xfe ? 8 : 0;
    if (more > 0) {
      length = 0;
      for (std::size_t k = 0; k < more; ++k) length |= std::size_t{row.at(at++)} << (8 * k);
    }
    values.emplace_back(reinterpret_cast<const char*>(row.data()) + at, length);
    at += length;
  }
  return values;
}

bool RawClient::read_exactly(ByteBuffer& into) const {
  std::size_t have = 0;
  while (have < into.size()) {
    const ssize_t n = ::recv(fd_, into.data() + have, into.size() - have, 0);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return false;
    have += static_cast<std::size_t>(n);
  }
  return true;
}
}  // namespace sluice::proxy
