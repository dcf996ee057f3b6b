// Session: its life from accept to end, and its login.
#include "proxy/session.hpp"

#include <algorithm>

#include "protocol/packet.hpp"
#include "proxy/tls/random.hpp"
#include "proxy/worker.hpp"

namespace sluice::proxy {

using protocol::ByteBuffer;
using protocol::Bytes;
namespace cap = protocol::cap;

namespace {

// User, schema, proof and 64 KiB of attributes. Less than 66,326, as which a ClientHello sent without MySQL's request
// for TLS begins (16 03 01): it is told at once, not when the time for the login is over.
constexpr std::size_t login_packet_max = 66'000;

// What clients are offered, and of MariaDB's extensions, where the servers have it, what a column holds (JSON, UUID).
// Not here: compression, LOCAL INFILE, query attributes, MariaDB's other extensions.
constexpr protocol::Capabilities offered_features =
    cap::client_mysql | cap::found_rows | cap::long_flag | cap::connect_with_db | cap::no_schema | cap::odbc |
    cap::ignore_space | cap::protocol_41 | cap::interactive | cap::ignore_sigpipe | cap::transactions | cap::reserved |
    cap::secure_connection | cap::multi_statements | cap::multi_results | cap::ps_multi_results | cap::plugin_auth |
    cap::connect_attrs | cap::plugin_auth_lenenc_data | cap::session_track | cap::deprecate_eof;

}  // namespace

Session::Session(Worker& worker, std::uint32_t id, bool unix_socket, std::string peer)
    : worker_(worker),
      channel_(worker.loop(), *this),
      unix_socket_(unix_socket),
      peer_(std::move(peer)),
      connected_ms_(worker.loop().now_ms()),
      assembler_(login_packet_max) {
  session = id;
  wanted_state = &state_;
}

Session::~Session() {
  worker_.loop().cancel_timer(deadline_);
  worker_.loop().cancel_timer(ended_deadline_);
}

void Session::start(int fd) {
  channel_.adopt(fd);
  nonce_ = tls::random_nonce();
  login_ = std::make_unique<ClientLogin>(login_options());
  sequence_ = 0;
  send_packet(login_->greeting());
  start_deadline(worker_.limits().login_timeout_ms);
}

void Session::refuse(int fd, const ClientError& error) {
  channel_.adopt(fd);
  stage_ = Stage::login;
  close_with(error);
}

ClientLoginOptions Session::login_options() {
  const ProxyOptions& options = worker_.shared().options;
  ClientLoginOptions login;
  login.server_version = options.server_version_fallback;
  login.offered = offered_features;
  const auto& clusters = worker_.snapshot().clusters;
  if (!clusters.empty()) {
    const ClusterEntry& cluster = clusters.front();
    if (!cluster.server_version.empty()) login.server_version = cluster.server_version;
    // What the servers lack is not offered: answers then pass as they are.
    if (cluster.capabilities != 0) {
      login.offered &= cluster.capabilities | ~(cap::deprecate_eof | cap::session_track);
    }
    // MariaDB's extensions count only from a server that doesn't say that it is MySQL. Whose client it is, and of which
    // cluster, is not known yet.
    const auto has_metadata = [](const ClusterEntry& entry) {
      return protocol::has(entry.capabilities, cap::mariadb_extended_metadata);
    };
    if (std::ranges::all_of(clusters, has_metadata)) {
      login.offered = (login.offered & ~cap::client_mysql) | cap::mariadb_extended_metadata;
    }
  }
  if (options.client_tls != nullptr && !unix_socket_) login.offered |= cap::ssl;
  login.connection_id = session;
  login.nonce = nonce_;
  login.client_host = unix_socket_ ? "localhost" : peer_.substr(0, peer_.rfind(':'));
  login.auth_plugin = protocol::native_password_plugin;
  login.unix_socket = unix_socket_;
  login.require_tls = options.require_tls;
  login.rsa = options.rsa.get();
  login.find_account = [this](const std::string& name) -> AccountPtr {
    const auto it = worker_.snapshot().accounts.find(name);
    return it == worker_.snapshot().accounts.end() ? nullptr : it->second;
  };
  return login;
}

void Session::on_bytes(io::Slice bytes) {
  if (stage_ == Stage::over) return;
  worker_.counters().bytes_from_clients += bytes.size();
  if (login_ != nullptr) {
    login_bytes(bytes);
    if (bytes.empty() || stage_ == Stage::over) return;
  }
  reader_.push(std::move(bytes));
  if (reader_.in_body() && stage_ == Stage::running) return stream_body();
  if (stage_ == Stage::dropping) return drop_body();
  const bool blocked = stage_ != Stage::idle || channel_.above_high_water();
  if (reader_.buffered() > worker_.limits().pipeline_max && blocked) channel_.pause_receive();
  next_command();
}

void Session::login_bytes(io::Slice& bytes) {
  while (login_ != nullptr && stage_ == Stage::login) {
    const auto packet = assembler_.next(bytes);
    if (assembler_.too_long()) return drop_handshake("a packet too long for a handshake");
    if (!packet) return;
    login_step(login_->on_packet(packet->payload), static_cast<std::uint8_t>(packet->sequence + 1), bytes);
  }
}

void Session::login_step(ClientLogin::Step step, std::uint8_t sequence, io::Slice& rest) {
  using Kind = ClientLogin::Step::Kind;
  sequence_ = sequence;
  switch (step.kind) {
    case Kind::send:
      return send_packet(step.payload);
    case Kind::start_tls: {
      io::Slice already = std::move(rest);
      rest = {};
      if (!channel_.start_tls_server(*worker_.shared().options.client_tls, already)) {
        drop_handshake("TLS can't be started");
      }
      return;
    }
    case Kind::accepted:
      return logged_in(step.payload);
    case Kind::refused:
      ++worker_.counters().logins_failed;
      worker_.event(Severity::warning, "login_failed", "user '" + login_->user() + "' from " + peer_);
      return login_refused(step.payload);
    case Kind::garbage:
      return drop_handshake("not a MySQL handshake");
  }
}

void Session::logged_in(const ByteBuffer& last_word) {
  if (!last_word.empty()) send_packet(last_word);
  account_ = login_->account();
  gate_ = &worker_.gate(account_->cluster);
  user_ = login_->user();
  capabilities_ = login_->capabilities();
  collation_ = login_->collation();
  nonce_ = login_->nonce();
  wanted_identity = worker_.intern({.cluster = account_->cluster,
                                    .user = user_,
                                    .secret = login_->secret(),
                                    .features = capabilities_ & client_chosen_features,
                                    .collation = collation_});
  begin_as_logged_on();
  const std::string schema = login_->schema();
  worker_.loop().cancel_timer(deadline_);
  deadline_ = {};
  if (schema.empty()) return login_done();
  // Whether the schema exists and may be used, only a server can say: its answer, not ours.
  current_ = {};
  current_.login = true;
  current_.type = protocol::Command::init_db;
  current_.shape = protocol::ResponseShape::ok_or_error;
  current_.repeatable = true;
  current_.schema = schema;
  state_.schema = schema;  // a connection that has selected it will do: those of no schema at all are few
  ByteBuffer payload{static_cast<std::uint8_t>(protocol::Command::init_db)};
  payload.insert(payload.end(), schema.begin(), schema.end());
  ByteBuffer packet;
  protocol::append_packet(packet, 0, payload);
  current_.command = ClientCommand(std::move(packet));
  route();
}

// With what the leader is known to give; else it is asked by the session's first statement (`choose`).
void Session::begin_as_logged_on() {
  logged_on_at = worker_.shared().global_changes.load(std::memory_order_acquire);
  const LogonStatePtr known = worker_.known_logon(account_->cluster, user_, collation_);
  logon_known_ = known != nullptr;
  if (known != nullptr) take_logon(*known);
}

// A replica's settings may be others: without a leader they are what there is, until there is one.
void Session::meet_server(const Backend& backend) {
  if (logon_known_ || tied()) return;
  if (backend.logon() != nullptr) {
    take_logon(*backend.logon());
  } else {
    state_.autocommit = backend.state.autocommit;
  }
  logon_known_ = !on_replica();
}

void Session::take_logon(const LogonState& logon) {
  namespace flag = protocol::status;
  state_.autocommit = reset_ ? logon.autocommit_after_reset : logon.autocommit;
  status_ = state_.autocommit ? status_ | flag::autocommit : status_ & ~flag::autocommit;
}

void Session::login_done() {
  login_.reset();
  former_.reset();
  users_refused_ = 0;
  current_ = {};
  stage_ = Stage::idle;
  send_ok();
  start_deadline(worker_.limits().client_idle_max_ms);
  next_command();
}

// MariaDB's sessions go on after a COM_CHANGE_USER that failed, as whom they were; what they had set is gone by then.
// MySQL's end.
bool Session::go_on_as_before() {
  const auto former = std::exchange(former_, nullptr);
  ++users_refused_;
  if (former == nullptr || !worker_.snapshot().clusters[former->account->cluster].mariadb) return false;
  hand_back();
  account_ = former->account;
  gate_ = &worker_.gate(account_->cluster);
  user_ = former->user;
  collation_ = former->collation;
  wanted_identity = former->identity;
  state_ = former->state;
  nonce_ = login_->nonce();
  login_.reset();
  worker_.loop().cancel_timer(deadline_);
  deadline_ = {};
  begin_as_logged_on();
  done_locally();
  next_command();
  return true;
}

void Session::login_refused(Bytes error) {
  send_packet(error);
  if (go_on_as_before()) return;
  channel_.close_after_send();
  finish();
}

void Session::drop_handshake(std::string_view why) {
  ++worker_.counters().handshakes_dropped;
  worker_.event(Severity::warning, "handshake_dropped", "client " + peer_ + ": " + std::string(why));
  close_with(bad_handshake());
}

// It may still read, or be gone. What it has sent is answered, for a time; but what awaits a leader would be begun
// late, for somebody who most likely doesn't wait any more.
bool Session::on_peer_ended() {
  if (login_ != nullptr || stage_ == Stage::holding) return false;
  if (stage_ == Stage::idle && !channel_.above_high_water()) return false;
  client_ended_ = true;
  ended_deadline_ = worker_.loop().start_timer(worker_.limits().half_closed_max_ms, *this);
  return true;
}

void Session::on_gone(std::string_view why) {
  if (stage_ == Stage::over) return;
  if (login_ != nullptr && current_.type == protocol::Command::sleep) {
    ++worker_.counters().handshakes_dropped;
    worker_.event(Severity::info, "handshake_dropped", "client " + peer_ + ": " + std::string(why));
  }
  finish();
}

void Session::finish() {
  if (stage_ == Stage::over) return;
  stop_waiting();
  stage_ = Stage::over;
  worker_.loop().cancel_timer(deadline_);
  worker_.loop().cancel_timer(ended_deadline_);
  deadline_ = ended_deadline_ = {};
  let_go();
  channel_.close();
  worker_.bury_session(*this);
}

void Session::abandon() {
  stage_ = Stage::over;
  if (kept) pool_->unkeep(*this);
  channel_.close();
  if (backend_ != nullptr) backend_->set_user(nullptr);
  backend_ = nullptr;
}

// Called when something was queued.
void Session::note_queue() {
  if (stalled_since_ms_ || !channel_.above_high_water()) return;
  stalled_since_ms_ = worker_.loop().now_ms();
  worker_.relieve_memory();
}

void Session::shed(std::uint64_t stalled_ms) {
  worker_.event(Severity::warning, "client_shed",
                "client " + peer_ + " took no results for " + std::to_string(stalled_ms) +
                    " ms, and memory is short (limits.worker_memory_max)");
  finish();
}

void Session::on_drained() {
  stalled_since_ms_.reset();
  if (backend_ != nullptr) backend_->resume_receive();
  if (stage_ == Stage::idle) next_command();
}

void Session::send_packet(Bytes payload) {
  ByteBuffer packet;
  packet.reserve(payload.size() + protocol::packet_header_size);
  sequence_ = protocol::append_packet(packet, sequence_, payload);
  worker_.counters().bytes_to_clients += packet.size();
  channel_.send_copy(packet);
  note_queue();
}

void Session::send_ok() {
  protocol::OkPacket ok;
  ok.status = status_;
  ByteBuffer payload;
  protocol::append_ok(payload, ok, capabilities_);
  send_packet(payload);
}

void Session::send_error(const ClientError& error) { send_error_packet({error.code, error.sqlstate, error.text}); }

void Session::send_error_packet(const protocol::ErrPacket& error) {
  ByteBuffer payload;
  protocol::append_err(payload, error);
  send_packet(payload);
}

void Session::close_with(const ClientError& error) {
  if (stage_ == Stage::over) return;
  send_error(error);
  channel_.close_after_send();
  finish();
}

void Session::end(const ClientError& error) {
  if (stage_ == Stage::over) return;
  if (stage_ == Stage::running && backend_ != nullptr && backend_->answer().started) return finish();
  if (stage_ == Stage::idle || stage_ == Stage::reading) sequence_ = 0;
  if (reader_.in_body()) sequence_ = reader_.next_sequence();
  close_with(error);
}

// An error that nobody waits for would be taken for the answer to the next statement: drivers that connect again by
// themselves when a connection has ended would not.
void Session::killed() {
  if (stage_ != Stage::idle && stage_ != Stage::reading) return end({1927, "70100", "Connection was killed"});
  channel_.close_after_send();  // answers may still be on their way
  finish();
}

void Session::interrupt() {
  if (in_line || stage_ == Stage::holding) return fail_current(interrupted());
  if (stage_ != Stage::running) return;
  worker_.end_on_server(*pool_, *backend_, ServerKill::What::query);
  // The KILL may come when the statement is over: it must not meet another session's.
  backend_->tainted = true;
}

bool Session::works_on(const Backend& backend) const {
  const bool runs = stage_ == Stage::preparing || stage_ == Stage::running || stage_ == Stage::reading;
  return backend_ == &backend && !kept && (tied() || runs);
}

void Session::drain() {
  draining_ = true;
  const bool between = stage_ == Stage::idle && !transaction_.open();
  if (stage_ != Stage::login && !between) return;
  channel_.close_after_send();  // the last answer may still be on its way
  finish();
}

SessionRow Session::row() const {
  static constexpr const char* names[] = {"login",
                                          "idle",
                                          "waiting for a server connection",
                                          "holding",
                                          "preparing",
                                          "running",
                                          "reading a setting",
                                          "dropping the rest of a refused command",
                                          "over"};
  SessionRow row;
  row.id = session;
  row.worker = worker_.index();
  row.client = peer_;
  row.user = user_;
  if (account_ != nullptr) row.cluster = worker_.snapshot().clusters[account_->cluster].name;
  row.schema = state_.schema;
  row.state = names[static_cast<std::size_t>(stage_)];
  if (stage_ == Stage::holding) row.state += " (" + hold_reason_ + ")";
  if (kept) {  // not tied to it: the row says so
    row.state += " (keeps a connection to " + backend_->server_name() + " until another session needs it)";
  } else if (backend_ != nullptr) {
    row.server = backend_->server_name();
    row.pin = tie();
  }
  row.in_transaction = transaction_.in_transaction();
  row.tls = channel_.tls();
  row.statements = statement_count_;
  row.queued_bytes = channel_.queued_bytes();
  row.connected_ms = worker_.loop().now_ms() - connected_ms_;
  return row;
}

}  // namespace sluice::proxy
