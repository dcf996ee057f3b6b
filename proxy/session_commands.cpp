// Session: what each command of a client means.
#include <charconv>

#include "protocol/packet.hpp"
#include "protocol/reader.hpp"
#include "protocol/statement.hpp"
#include "proxy/session.hpp"
#include "proxy/tls/random.hpp"
#include "proxy/worker.hpp"
#include "router/words.hpp"

namespace sluice::proxy {

using protocol::Bytes;
using protocol::Command;
using protocol::ResponseShape;
namespace cap = protocol::cap;

void Session::next_command() {
  if (in_next_command_) return;  // the loop below is running further up the stack
  in_next_command_ = true;
  // A client that doesn't take its answers gets no further ones: on_drained goes on.
  while (stage_ == Stage::idle && !channel_.above_high_water()) {
    const std::size_t inspect_max = inspected();
    const auto front = reader_.front(inspect_max);
    if (front == CommandReader::Front::incomplete) break;
    const std::uint8_t sequence = reader_.sequence();
    const bool whole = front == CommandReader::Front::whole;
    ClientCommand command = whole ? reader_.take_whole() : reader_.take_head(inspect_max);
    sequence_ = 1;
    if (sequence != 0) {
      ++worker_.counters().protocol_errors;
      close_with(packets_out_of_order());
      break;
    }
    worker_.loop().cancel_timer(deadline_);
    deadline_ = {};
    dispatch(std::move(command), whole);
  }
  in_next_command_ = false;
  if (stage_ == Stage::over) return;
  if (client_ended_ && stage_ == Stage::idle && !channel_.above_high_water()) {  // all that it sent is answered
    channel_.close_after_send();
    return finish();
  }
  if (stage_ == Stage::idle && !deadline_.valid()) start_deadline(worker_.limits().client_idle_max_ms);
  // Idle, and answers are taken: the rest of a command longer than pipeline_max is awaited.
  const bool needs_more = stage_ == Stage::idle && !channel_.above_high_water();
  if (channel_.paused() && (needs_more || reader_.buffered() <= worker_.limits().pipeline_max / 2)) {
    channel_.resume_receive();
  }
}

// What is prepared is kept as a whole: it may have to be prepared on other connections.
std::size_t Session::inspected() const {
  const Limits& limits = worker_.limits();
  if (reader_.front_command() != static_cast<std::uint8_t>(Command::stmt_prepare)) return limits.inspect_max;
  constexpr std::size_t one_packet = protocol::packet_payload_max - 1;
  return std::max(limits.inspect_max, std::min(limits.statement_text_per_client_max + 1, one_packet));
}

void Session::dispatch(ClientCommand command, bool whole) {
  current_ = {};
  current_.command = std::move(command);
  const Bytes payload = current_.command.payload();
  ++statement_count_;
  if (payload.empty()) {
    send_error(unknown_command());
    return done_locally();
  }
  current_.type = static_cast<Command>(payload[0]);
  current_.streamed = !whole;
  const bool may_be_long = current_.type == Command::query || current_.type == Command::stmt_execute ||
                           current_.type == Command::stmt_send_long_data || current_.type == Command::stmt_prepare;
  if (!whole && !may_be_long) {
    ++worker_.counters().protocol_errors;
    return refuse_long(malformed_packet());
  }
  if ((whole ? payload.size() : reader_.long_size()) > worker_.limits().packet_max) {
    return close_with(packet_too_large("limits.packet_max"));
  }
  if (current_.type == Command::stmt_prepare) statements_.forget_last();  // until it has succeeded
  if (current_.type == Command::reset_connection || current_.type == Command::change_user) lost_.clear();
  if (!lost_.empty() && current_.silent()) return whole ? done_locally() : refuse_long(std::nullopt);
  if (!lost_.empty() && current_.type != Command::quit && current_.type != Command::stmt_close) {
    lost_.clear();
    if (current_.streamed) return refuse_long(lost_error_);
    send_error(lost_error_);
    return done_locally();
  }
  switch (current_.type) {
    case Command::query:
      return on_query(whole);
    case Command::ping:
      send_ok();
      return done_locally();
    case Command::quit:
      channel_.close_after_send();  // answers to commands before it may still be on their way
      return finish();
    case Command::init_db:
      return on_init_db();
    case Command::field_list:
      return forward(ResponseShape::field_list, false);
    case Command::statistics:
    case Command::process_info:
    case Command::debug:
      return forward(current_.type == Command::process_info ? ResponseShape::query
                     : current_.type == Command::statistics ? ResponseShape::text
                                                            : ResponseShape::ok_or_error,
                     false);
    case Command::process_kill:
      if (payload.size() < 5) break;
      return on_process_kill(protocol::Reader(payload.subspan(1)).u32());
    case Command::change_user:
      return on_change_user();
    case Command::reset_connection:
      return on_reset_connection();
    case Command::set_option:
      return on_set_option();
    case Command::stmt_prepare:
      return on_prepare(whole);
    case Command::stmt_execute:
      return on_execute(whole);
    case Command::stmt_close:
      return on_statement_close();
    case Command::stmt_reset:
    case Command::stmt_fetch:
    case Command::stmt_send_long_data:
      return on_statement_command();
    default:
      break;
  }
  send_error(unknown_command());
  done_locally();
}

// The command was answered (or needs no answer) without a server.
void Session::done_locally() {
  if (stage_ == Stage::over) return;
  current_ = {};
  stage_ = Stage::idle;
  settle();
  if (draining_) drain();
}

void Session::forward(ResponseShape shape, bool replica_safe) {
  current_.shape = shape;
  current_.replica_safe = replica_safe;
  current_.repeatable = true;
  route();
}

namespace {

// What a client character set means for reading statements byte by byte.
enum class CharsetKind : std::uint8_t { single_byte, utf8, ascii_unsafe };

// By the collation id of the handshake (information_schema.COLLATIONS of both flavours).
CharsetKind charset_kind(std::uint8_t collation) {
  for (const int unsafe : {1, 84, 13, 88, 28, 87, 95, 96, 248, 249, 250}) {
    if (collation == unsafe) return CharsetKind::ascii_unsafe;
  }
  const bool utf8mb3 = collation == 33 || collation == 83 || (collation >= 192 && collation <= 215);
  const bool utf8mb4 = collation == 45 || collation == 46 || (collation >= 224 && collation <= 247) || collation == 255;
  return utf8mb3 || utf8mb4 ? CharsetKind::utf8 : CharsetKind::single_byte;
}

// By what it was set to: a name in any case, quoted or not, or the number of a collation.
CharsetKind charset_kind(std::string_view value) {
  std::string name(value);
  for (char& c : name) c = router::ascii_lower(c);
  unsigned number = 0;
  const auto [end, failed] = std::from_chars(name.data(), name.data() + name.size(), number);
  // MariaDB numbers its NOPAD collations 1024 higher than those that they were made from.
  if (failed == std::errc{} && end == name.data() + name.size()) return charset_kind(static_cast<std::uint8_t>(number));
  for (const char* unsafe : {"gbk", "sjis", "cp932", "big5", "gb18030", "default"}) {  // DEFAULT may be any
    if (name.find(unsafe) != std::string::npos) return CharsetKind::ascii_unsafe;
  }
  return name.find("utf8") != std::string::npos ? CharsetKind::utf8 : CharsetKind::single_byte;
}

}  // namespace

router::Dialect Session::dialect() const {
  const ClusterEntry& cluster = worker_.snapshot().clusters[account_->cluster];
  router::Dialect dialect;
  dialect.mariadb = cluster.mariadb;
  dialect.server_version = cluster.version_number;
  dialect.no_backslash_escapes = (status_ & protocol::status::no_backslash_escapes) != 0;
  // Until a server has answered this session, only it knows its sql_mode; MySQL never tells ANSI_QUOTES.
  dialect.backslash_known = status_known_;
  dialect.ansi_known = status_known_ && cluster.mariadb;
  dialect.ansi_quotes = cluster.mariadb && (status_ & protocol::status::ansi_quotes) != 0;
  CharsetKind charset = charset_kind(collation_);
  for (const auto& variable : state_.variables()) {
    if (variable.name == "names" || variable.name == "character_set_client") charset = charset_kind(variable.value);
  }
  dialect.ascii_safe = charset != CharsetKind::ascii_unsafe;
  dialect.utf8 = charset == CharsetKind::utf8;
  return dialect;
}

namespace {

// What changes nothing but the state of a connection, in a way that we know: lost with the connection, it can be said
// again on another one. Only if the session has nothing on that connection: BEGIN commits what is open.
bool changes_session_only(const router::Classification& effect) {
  if (effect.multi || any(effect.pin)) return false;
  switch (effect.kind) {
    case router::StatementKind::begin:
    case router::StatementKind::use:
      return true;
    case router::StatementKind::set:
      return effect.transaction == router::TransactionEffect::none && !effect.sets_next_transaction &&
             (!effect.assignments.empty() || effect.sets_autocommit_on || effect.sets_autocommit_off);
    default:
      return false;
  }
}

}  // namespace

void Session::use_effect(router::Classification effect) {
  current_.own_effect = std::move(effect);
  current_.effect = &current_.own_effect;
  current_.schema = current_.own_effect.schema;
  current_.own_effect.schema = {};
  current_.replica_safe = current_.own_effect.replica_safe;
  current_.repeatable = current_.replica_safe || (!tied() && changes_session_only(current_.own_effect));
}

void Session::on_query(bool whole) {
  const auto sql = protocol::as_text(current_.command.payload().subspan(1));
  if (sql == track_state_changes) {  // another sluice's: ours are switched on already, and a SET would tie its session
    tracks_state_changes_ = true;
    send_ok();
    return done_locally();
  }
  use_effect(router::classify(sql, dialect()));
  current_.shape = ResponseShape::query;
  if (!whole) {
    current_.own_effect.replica_safe = current_.replica_safe = current_.repeatable = false;
    current_.own_effect.pin = (current_.own_effect.pin & ~router::Pin::unread_setting) | router::Pin::unknown_statement;
    current_.own_effect.assignments.clear();
    current_.own_effect.read_backs.clear();
    current_.schema.clear();
  }
  if (current_.own_effect.kills) return on_kill(sql, whole);
  if (known_to_write()) treat_as_write();
  route();
}

void Session::on_init_db() {
  current_.schema = protocol::as_text(current_.command.payload().subspan(1));
  forward(ResponseShape::ok_or_error, false);
}

void Session::forget_session_state() {
  let_go();
  state_ = {};
  logon_known_ = false;
  reset_ = true;
  statements_.clear();
  pins_ = router::Pin::none;
  unread_.clear();
  status_ = protocol::status::autocommit;
  status_known_ = false;
  transaction_.forget();
  tracks_state_changes_ = false;
  last_insert_id_ = 0;
  insert_id_lost_ = false;
  forget_diagnostics();
  warned_ = Warned::no;
  ran_any_ = false;
  last_backend_ = sequence_backend_ = nullptr;
  sequence_taken_ = false;
  lost_.clear();
}

void Session::on_change_user() {
  const protocol::ByteBuffer payload(current_.command.payload().begin() + 1, current_.command.payload().end());
  constexpr std::uint32_t refusals_max = 3;  // as MariaDB does it, against guessing
  if (users_refused_ >= refusals_max) {
    send_error(unknown_command());
    return done_locally();
  }
  former_ = std::make_unique<FormerUser>(FormerUser{account_, user_, collation_, wanted_identity, {}});
  former_->state.schema = state_.schema;
  for (const char* variable : {"character_set_client", "character_set_results", "collation_connection"}) {
    former_->state.assign({variable, "DEFAULT"});
  }
  forget_session_state();
  current_ = {};
  login_ = std::make_unique<ClientLogin>(login_options(), capabilities_, channel_.tls());
  stage_ = Stage::login;
  start_deadline(worker_.limits().login_timeout_ms);
  io::Slice nothing;
  login_step(login_->change_user(payload, tls::random_nonce()), sequence_, nothing);
  // Bytes that the client sent ahead are the next packets of the exchange.
  while (stage_ == Stage::login && reader_.front(worker_.limits().inspect_max) == CommandReader::Front::whole) {
    ClientCommand packet = reader_.take_whole();
    login_step(login_->on_packet(packet.payload()), static_cast<std::uint8_t>(packet.packet()[3] + 1), nothing);
  }
}

void Session::on_reset_connection() {
  const std::string schema = state_.schema;
  forget_session_state();
  state_.schema = schema;  // COM_RESET_CONNECTION keeps the selected schema
  begin_as_logged_on();
  send_ok();
  done_locally();
}

void Session::on_set_option() {
  const Bytes payload = current_.command.payload();
  if (payload.size() != 3 || payload[1] > 1 || payload[2] != 0) {
    send_error(unknown_command());
    return done_locally();
  }
  // MYSQL_OPTION_MULTI_STATEMENTS_ON is 0. It is part of a connection's identity: the next statement takes another one.
  capabilities_ = payload[1] == 0 ? capabilities_ | cap::multi_statements : capabilities_ & ~cap::multi_statements;
  wanted_identity = worker_.intern({.cluster = account_->cluster,
                                    .user = user_,
                                    .secret = wanted_identity->secret,
                                    .features = capabilities_ & client_chosen_features,
                                    .collation = collation_});
  if (backend_ != nullptr) {  // tied to one: it must be told, and nobody else can use it any more
    backend_->tainted = true;
    return forward(ResponseShape::ok_or_error, false);
  }
  if (protocol::has(capabilities_, cap::deprecate_eof)) {
    send_ok();
  } else {
    protocol::ByteBuffer eof;
    protocol::append_eof(eof, {0, status_});
    send_packet(eof);
  }
  done_locally();
}

void Session::on_prepare(bool whole) {
  const Limits& limits = worker_.limits();
  const auto sql = protocol::as_text(current_.command.payload().subspan(1));
  const bool too_many = statements_.size() >= limits.statements_per_client_max;
  if (!whole || too_many || statements_.text_bytes() + sql.size() > limits.statement_text_per_client_max) {
    const ClientError error = whole && too_many ? too_many_statements(limits.statements_per_client_max)
                                                : packet_too_large("limits.statement_text_per_client_max");
    if (!whole) return refuse_long(error);
    send_error(error);
    return done_locally();
  }
  current_.preparing = worker_.texts().intern(sql, state_, dialect());
  if (current_.preparing->effect.kills) {
    send_error(not_preparable());
    return done_locally();
  }
  if (statements_.holds(current_.preparing.get())) current_.preparing = StatementTexts::make(sql, state_, dialect());
  current_.shape = ResponseShape::prepare;
  current_.replica_safe = current_.preparing->effect.replica_safe;
  current_.repeatable = true;
  route();
}

// MariaDB's clients may execute what they prepare without waiting for its id.
std::uint32_t Session::statement_meant(std::uint32_t id) const {
  const bool last = id == protocol::last_prepared_statement && worker_.snapshot().clusters[account_->cluster].mariadb;
  return last ? statements_.last_id() : id;
}

ClientStatement* Session::current_statement(std::string_view command_name) {
  const std::uint32_t said = protocol::statement_id(current_.command.payload()).value_or(0);
  const std::uint32_t id = statement_meant(said);
  ClientStatement* statement = statements_.find(id);
  if (statement == nullptr) {
    const ClientError error = unknown_statement_id(said, command_name);
    if (current_.streamed) {
      refuse_long(current_.silent() ? std::nullopt : std::optional(error));
    } else {
      if (!current_.silent()) send_error(error);
      done_locally();
    }
    return nullptr;
  }
  current_.statement_id = id;
  current_.statement = statement->text;
  return statement;
}

void Session::on_execute(bool whole) {
  ClientStatement* statement = current_statement("mysqld_stmt_execute");
  if (statement == nullptr) return;
  const auto header = protocol::parse_execute(current_.command.payload(), statement->params);
  if (!header) {
    ++worker_.counters().protocol_errors;
    if (!whole) return refuse_long(malformed_packet());
    send_error(malformed_packet());
    return done_locally();
  }
  if (header->types_bound) {
    if (!std::equal(header->types.begin(), header->types.end(), statement->types.begin(), statement->types.end())) {
      statement->types.assign(header->types.begin(), header->types.end());
    }
  }
  current_.effect = &statement->text->effect;
  current_.schema = statement->text->effect.schema;
  current_.repeatable = statement->text->effect.replica_safe && !statement->long_data;
  // A cursor ties the session: to the leader, where its writes can follow.
  current_.replica_safe = current_.repeatable && header->flags == 0;
  current_.shape = header->flags == 0 ? ResponseShape::query : ResponseShape::cursor;
  if (known_to_write()) treat_as_write();
  route();
}

// STMT_RESET, STMT_FETCH, STMT_SEND_LONG_DATA: they speak of what an execute left, or prepares, on one connection.
void Session::on_statement_command() {
  const bool long_data = current_.type == Command::stmt_send_long_data;
  const bool fetch = current_.type == Command::stmt_fetch;
  ClientStatement* statement = current_statement(fetch ? "mysqld_stmt_fetch" : "mysqld_stmt_reset");
  if (statement == nullptr) return;
  if (fetch && (!statement->cursor || backend_ == nullptr)) {
    send_error({1421, "HY000", "The statement (" + std::to_string(current_.statement_id) + ") has no open cursor."});
    return done_locally();
  }
  if (current_.type == Command::stmt_reset && !statement->cursor && !statement->long_data) {
    send_ok();
    return done_locally();
  }
  current_.effect = &statement->text->effect;
  current_.shape = long_data ? std::nullopt : std::optional(fetch ? ResponseShape::rows : ResponseShape::ok_or_error);
  current_.replica_safe = current_.repeatable = !long_data;
  if (long_data && !statement->open()) statement->open_id = 0;
  if (long_data) statements_.set_long_data(*statement, true);
  route();
}

void Session::on_statement_close() {
  const auto id = protocol::statement_id(current_.command.payload());
  const std::uint32_t meant = statement_meant(id.value_or(0));
  ClientStatement* statement = statements_.find(meant);
  if (statement == nullptr) return done_locally();
  if (statement->cursor || statement->long_data) {
    // On the server it has to go, too: with it go the cursor and the parameters sent ahead.
    if (backend_ != nullptr) backend_->tainted = true;
  }
  statements_.remove(meant);
  current_ = {};
  if (backend_ != nullptr && !tied()) give_back();
  done_locally();
}

}  // namespace sluice::proxy
