// One client: its login, its commands one after another, and the server connection that it has at the moment, if any.
//
// Flow of a statement: `next_command` takes it off the reader; `dispatch` says what it is; `route` finds the server and
// asks its pool; `got_backend` brings the connection to this session's state; `send_current` sends it; the answer
// passes through `on_answer`; `on_answered` notes what it changed and gives the connection back, unless something ties
// the session to it (`tie()` says what).
//
// Code: session.cpp (life and login), session_commands.cpp (what each command means), session_kill.cpp (KILL),
// session_place.cpp (which server), session_run.cpp (from the connection to the end of the answer), session_long.cpp
// (commands too long to be kept), session_effects.cpp (what the answer changed, and giving the connection back),
// session_diagnostics.cpp (SHOW WARNINGS and its kin), session_waits.cpp (waiting, losing, deadlines), session_gate.cpp
// (a closed gate), session_refused.cpp (what a read-only server refused).
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "protocol/command.hpp"
#include "protocol/statement.hpp"
#include "proxy/backend.hpp"
#include "proxy/channel.hpp"
#include "proxy/client_login.hpp"
#include "proxy/client_statements.hpp"
#include "proxy/command_reader.hpp"
#include "proxy/errors.hpp"
#include "proxy/gate.hpp"
#include "proxy/kill_work.hpp"
#include "proxy/packet_assembler.hpp"
#include "proxy/pool.hpp"
#include "proxy/report.hpp"
#include "proxy/state/transaction_state.hpp"
#include "router/classify.hpp"

namespace sluice::proxy {

class Worker;

class Session final : private ChannelHandler, private BackendUser, private PoolWaiter, private io::TimerHandler {
 public:
  Session(Worker& worker, std::uint32_t id, bool unix_socket, std::string peer);
  ~Session();
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

  void start(int fd);  // takes the socket over and greets
  void refuse(int fd, const ClientError& error);

  [[nodiscard]] std::uint32_t id() const { return session; }
  [[nodiscard]] const std::string& user() const { return user_; }
  [[nodiscard]] SessionRow row() const;

  // A server may be there again: try the held statement once more. The worker has taken it off its list.
  void retry_held();

  // --- what the gate asks and orders (session_gate.cpp)
  [[nodiscard]] bool belongs_to(const Gate& gate) const { return gate_ == &gate; }
  struct Work {
    OpenWork::Kind kind = OpenWork::Kind::transaction;
    std::uint64_t since_ms = 0;  // as the loop's now_ms()
  };
  // What a drain of the gate's server must wait for; nullopt: nothing.
  [[nodiscard]] std::optional<Work> open_work() const;
  // When it took its place in line for a connection to that server, as a number that counts up; nullopt: it has none.
  [[nodiscard]] std::optional<std::uint64_t> in_line_since() const;
  void leave_line();  // and goes where its statement can go now
  void pass_gate();   // it waits, and may go
  enum class Cut : std::uint8_t { nothing, ended, still_runs };
  Cut cut(std::uint32_t server);
  GateEntry gate_entry;

  // It awaits what may be asked of another server, too, from one that answers nobody (`ServerEntry::silent`).
  [[nodiscard]] bool waits_for_silent_server() const;
  void ask_elsewhere();
  // Ends between transactions, now or when the running one is over.
  void drain();
  // Ends now, telling the client why if it can be told.
  void end(const ClientError& error);
  // By a KILL. As a server does it: who waits for no answer is told nothing.
  void killed();
  // Since when it takes nothing of what is queued for it; nullopt: it does, or not much is queued.
  [[nodiscard]] std::optional<std::uint64_t> stalled_since_ms() const { return stalled_since_ms_; }
  [[nodiscard]] std::size_t queued_bytes() const { return channel_.queued_bytes(); }
  // Ends now, without a word: it would not be read.
  void shed(std::uint64_t stalled_ms);
  // KILL QUERY: the command in work ends with an error, the session goes on.
  void interrupt();
  // The worker goes away: lets go of everything without a word.
  void abandon();
  void kill_answered(std::uint32_t id, std::uint16_t error);  // 0: done; 1094, 1095: as the server says it
  void thread_marked(const ThreadMark& mark);
  // It runs something there, or is tied to it.
  [[nodiscard]] bool works_on(const Backend& backend) const;

 private:
  // How often a statement is placed anew before it is held, or sent before it fails.
  static constexpr std::uint32_t tries_max = 4;

  enum class Stage : std::uint8_t {
    login,
    idle,
    waiting,    // for a connection of a pool
    holding,    // for a server that can take the statement
    preparing,  // the connection is brought to our state
    running,    // the answer is awaited, or flows
    reading,    // it is answered; what a SET gave is read back, so that it can be said on other connections
    dropping,   // an error is told as soon as the rest of a long command has come
    over,
  };

  // The command in work.
  struct Current {
    ClientCommand command;
    protocol::Command type = protocol::Command::sleep;
    std::optional<protocol::ResponseShape> shape;  // nullopt: no answer comes
    const router::Classification* effect = nullptr;
    router::Classification own_effect;    // where `effect` is not a prepared statement's
    std::string schema;                   // that it selects, if it succeeds
    StatementTextPtr preparing;           // STMT_PREPARE
    std::uint32_t statement_id = 0;       // of the client, for the binary commands
    StatementTextPtr statement;           // that the id stands for
    std::optional<CarriedState> reading;  // to prepare it in; where the first connection couldn't be brought to it
    std::unique_ptr<KillInWork> kill;
    bool replica_safe = false;
    bool streamed = false;            // too long to be kept: its body is passed through
    bool binds_types = false;         // the execute comes with types that the server doesn't remember
    bool denied = false;              // the first server that was asked took no connection
    bool login = false;               // our own check of the schema at logon; its answer is not the client's
    bool repeatable = false;          // running it twice is as running it once: reads, INIT_DB, PREPARE
    std::uint32_t tries = 0;          // how often it was sent or failed to be placed
    std::uint64_t held_until_ms = 0;  // set when it is held for the first time
    std::uint32_t passed = 0;         // the gate's number under which it was let go; 0: it was not

    [[nodiscard]] bool silent() const { return type == protocol::Command::stmt_send_long_data; }  // nothing answers it
  };

  // Whether SHOW WARNINGS has something to show.
  enum class Warned : std::uint8_t { no, yes, unsure };

  // As whom the client goes on if COM_CHANGE_USER is refused, and in which state: its schema, and the global character
  // sets, whatever its handshake said (seen on MariaDB 10.11).
  struct FormerUser {
    AccountPtr account;
    std::string user;
    std::uint8_t collation = 0;
    IdentityPtr identity;
    CarriedState state;
  };

  // What goes with a lost connection, and what the client is told of it.
  struct Loss {
    ClientError error;
    bool transaction = false;  // one was open
    bool doubtful = false;     // but may have ended, or been committed, before
  };

  // --- life and login (session.cpp)
  void on_connected(int /*error*/) override {}
  void on_bytes(io::Slice bytes) override;
  bool on_peer_ended() override;
  void on_gone(std::string_view why) override;
  void on_drained() override;
  void login_bytes(io::Slice& bytes);
  void login_step(ClientLogin::Step step, std::uint8_t sequence, io::Slice& rest);
  void logged_in(const protocol::ByteBuffer& last_word);
  void begin_as_logged_on();
  void meet_server(const Backend& backend);
  void take_logon(const LogonState& logon);
  void login_done();
  [[nodiscard]] bool go_on_as_before();
  void login_refused(protocol::Bytes error);
  void drop_handshake(std::string_view why);
  void finish();  // leaves pool, gate and worker; the object lives until the turn is over
  [[nodiscard]] ClientLoginOptions login_options();

  // --- talking to the client
  void note_queue();
  void send_packet(protocol::Bytes payload);
  void send_ok();
  void send_error(const ClientError& error);
  void send_error_packet(const protocol::ErrPacket& error);
  void close_with(const ClientError& error);

  // --- commands (session_commands.cpp)
  void next_command();
  [[nodiscard]] std::size_t inspected() const;
  void dispatch(ClientCommand command, bool whole);
  void on_query(bool whole);
  void on_init_db();
  void on_change_user();
  void on_reset_connection();
  void on_set_option();
  void on_prepare(bool whole);
  void on_execute(bool whole);
  void on_statement_command();
  void on_statement_close();
  void forward(protocol::ResponseShape shape, bool replica_safe);
  void use_effect(router::Classification effect);
  void done_locally();
  void forget_session_state();
  [[nodiscard]] router::Dialect dialect() const;
  [[nodiscard]] std::uint32_t statement_meant(std::uint32_t id) const;
  [[nodiscard]] ClientStatement* current_statement(std::string_view command_name);

  // --- KILL (session_kill.cpp)
  void on_kill(std::string_view sql, bool whole);
  void on_process_kill(std::uint32_t id);
  void kill_id();
  void kill_session(std::uint32_t id);
  void kill_thread();
  void kill_dropped();
  [[nodiscard]] bool kill_would_miss() const;
  void ask_whom_to_kill();
  void told_whom_to_kill(Backend& backend);
  void kill_over(const Answer& answer);

  // --- which server (session_place.cpp)
  void route();
  void route_attached();
  [[nodiscard]] std::optional<std::uint32_t> choose() const;
  [[nodiscard]] bool knows_sequence_value() const;
  void take_from(std::uint32_t server);
  [[nodiscard]] bool begins_read_only() const;
  [[nodiscard]] bool selects_schema() const;
  [[nodiscard]] bool misplaced() const;
  [[nodiscard]] router::Pin light_pins() const;
  [[nodiscard]] bool bound() const;
  void go_elsewhere();
  void leave_server();

  // --- what the last statement left (session_diagnostics.cpp)
  [[nodiscard]] std::string_view current_sql() const;  // of COM_QUERY, or as it was prepared
  void note_diagnostics(const Answer& answer);
  void keep_diagnostics(Backend& backend);
  void forget_diagnostics();
  [[nodiscard]] bool answer_diagnostics();
  void take_last_backend();
  Backend* last_backend();
  [[nodiscard]] bool diagnostics_only() const;
  [[nodiscard]] bool shows_warnings() const;
  [[nodiscard]] bool shows_no_warnings() const;
  [[nodiscard]] bool diagnostics_spoiled(const Backend& backend) const;

  // --- from the connection to the end of the answer (session_run.cpp)
  void got_backend(Backend& backend);
  [[nodiscard]] std::optional<Preparation> preparation_for(Backend& backend);
  [[nodiscard]] bool must_prepare(Backend& backend);
  void prepare_elsewhere(const Backend& backend);
  [[nodiscard]] bool open_data_gone(Backend& backend);
  void send_current();
  [[nodiscard]] bool send_execute();
  [[nodiscard]] bool insert_types(const protocol::ExecuteHeader& header, protocol::Bytes types);

  // --- commands too long to be kept (session_long.cpp)
  void stream_body();
  void refuse_long(std::optional<ClientError> error);
  void drop_body();
  void close_too_long();
  void on_backend_drained(Backend& backend) override;

  // --- what the answer changed (session_effects.cpp)
  void note_effects(const Answer& answer);
  [[nodiscard]] bool nothing_ran(const Answer& answer) const;
  void note_transaction(const Answer& answer);
  void note_statement(ClientStatement& statement, const Answer& answer);
  void note_insert_id(const Answer& answer);
  void select_schema(const std::string& name);
  void note_assignment(const router::Assignment& assignment);
  void note_hidden_change();
  void note_sequence(const router::Classification& effect);
  void note_prepared(const Answer& answer);
  void read_settings();
  void settings_read(Backend& backend);
  void settings_unreadable();
  void end_statement();
  void give_back();
  [[nodiscard]] bool tied() const;
  [[nodiscard]] std::string tie() const;  // why the connection is kept, in words
  [[nodiscard]] bool may_touch_insert_id() const;
  void hand_back();
  void let_go();
  [[nodiscard]] bool leaves_something() const { return insert_id_moved_ || diagnostics_left_; }
  void read_what_is_left();
  void what_is_left_is_lost();
  void on_wanted_back() override;

  void on_backend_granted(Backend& backend) override;
  void on_prepared(Backend& backend) override;
  void on_prepare_refused(Backend& backend, const protocol::ErrPacket& error) override;
  void on_answer(Backend& backend, io::Slice bytes) override;
  std::uint32_t client_statement_id() override { return statements_.next_id(); }
  void on_answered(Backend& backend) override;
  [[nodiscard]] protocol::Capabilities client_capabilities() const override { return capabilities_; }
  [[nodiscard]] bool tracks_state_changes() const override {
    return tracks_state_changes_ || any(pins_ & router::Pin::unknown_setting);
  }

  // --- the gate (session_gate.cpp)
  // Closed, and this statement was not let go.
  [[nodiscard]] bool gate_shut() const {
    return gate_->shut() && current_.passed != gate_->number() && !(gate_->settling() && ends_by_itself());
  }
  [[nodiscard]] bool ends_by_itself() const;
  [[nodiscard]] bool open() const;
  [[nodiscard]] bool barred() const;
  void step_back(std::string_view why);
  void settle();

  // --- what a read-only server refused (session_refused.cpp)
  [[nodiscard]] bool may_be_refused() const;
  [[nodiscard]] bool withholds(const Backend& backend) const override;
  [[nodiscard]] bool on_replica() const;
  [[nodiscard]] bool in_read_only_transaction_on_replica() const;
  [[nodiscard]] bool reads_on_replica() const;
  void on_refused();
  void run_on_leader();
  [[nodiscard]] router::Digest shape() const;
  [[nodiscard]] bool known_to_write() const;
  void treat_as_write();

  // --- waiting and losing (session_waits.cpp)
  void hold(std::string_view why);
  void wait_in_line();
  void stop_waiting();
  void fail_current(const ClientError& error);
  void tell_at_next_command(const ClientError& error);
  void on_backend_denied(std::uint16_t code, std::string_view sqlstate, std::string_view text) override;
  void on_backend_lost(Backend& backend, std::string_view why) override;
  void lose_backend(std::string_view why);
  [[nodiscard]] Loss what_is_lost(std::string_view server, std::string_view why) const;
  void count_loss(const Loss& loss);
  void lost_while_running(const Loss& loss, const std::string& server, std::string_view why, bool answer_started,
                          bool was_tied);
  void forget_ties();
  void on_timer(io::TimerId timer) override;
  void start_deadline(std::uint64_t ms);
  void discard_backend();

  Worker& worker_;
  Channel channel_;
  bool unix_socket_;
  std::string peer_;
  std::uint64_t connected_ms_;
  Stage stage_ = Stage::login;

  // Login.
  PacketAssembler assembler_;
  std::unique_ptr<ClientLogin> login_;
  AccountPtr account_;
  std::unique_ptr<FormerUser> former_;  // while COM_CHANGE_USER is in work
  std::uint32_t users_refused_ = 0;     // one after the other
  protocol::Nonce nonce_{};             // the last one that the client was sent: COM_CHANGE_USER proves with it
  std::string user_;
  protocol::Capabilities capabilities_ = 0;
  std::uint8_t collation_ = 45;
  std::uint8_t sequence_ = 0;  // of the next packet that we make ourselves

  // Commands.
  CommandReader reader_;
  Current current_;
  ClientStatements statements_;
  bool in_next_command_ = false;
  bool client_ended_ = false;  // it sends nothing more
  io::TimerId ended_deadline_;
  std::optional<std::uint64_t> stalled_since_ms_;

  // Session state.
  CarriedState state_;
  protocol::StatusFlags status_ = protocol::status::autocommit;
  bool status_known_ = false;  // a server has told it
  bool logon_known_ = false;   // what the leader gives a logon, is in state_
  bool reset_ = false;         // the client began anew on its connection: see LogonState::autocommit_after_reset
  router::Pin pins_ = router::Pin::none;
  std::vector<std::string> unread_;  // variables that were set to expressions: to be read back
  TransactionState transaction_;
  bool tracks_state_changes_ = false;  // the client is a proxy like us, which asked for them at its logon
  std::uint64_t last_write_ms_ = 0;    // when the last write was acknowledged
  bool unstamped_write_ = false;       // a write of the open transaction: counts from its end
  std::uint64_t last_insert_id_ = 0;   // what LAST_INSERT_ID() is in this session
  bool insert_id_moved_ = false;       // the connection in use may have another one by now: read it before giving back
  bool insert_id_lost_ = false;        // what it is was known to a connection only that is gone
  Warned warned_ = Warned::no;
  bool diagnostics_left_ = false;  // the connection in use has warnings of the last statement: the same
  std::unique_ptr<KeptDiagnostics> kept_diagnostics_;  // they were read
  bool ran_any_ = false;                               // a statement, since it began (anew)
  const Backend* last_backend_ = nullptr;  // the last statement's; compared, never followed; nullptr: that is gone
  std::uint32_t last_server_ = 0;
  const Backend* sequence_backend_ = nullptr;  // took the last value from a sequence, or may have; compared only
  bool sequence_taken_ = false;                // it did: NEXTVAL was seen
  bool giving_back_ = false;                   // the connection goes back as soon as what is left on it was read
  std::string lost_;                           // a connection was lost with something on it: told at the next command
  ClientError lost_error_;
  std::optional<ClientError> refusal_;  // of the long command whose rest is dropped

  // The connection in use.
  Backend* backend_ = nullptr;
  Pool* pool_ = nullptr;  // the one it came from, or in whose line we stand
  std::uint32_t server_ = 0;
  bool server_led_ = false;          // when the session was not tied to it yet, or since
  std::uint64_t work_since_ms_ = 0;  // when what runs or is open there began
  std::uint64_t waiting_since_ = 0;  // place in line, as a number that counts up
  Gate* gate_ = nullptr;             // its cluster's, from logging on
  io::TimerId deadline_;
  std::string hold_reason_;
  bool draining_ = false;
  std::uint64_t statement_count_ = 0;
};

}  // namespace sluice::proxy
