// One connection to one server: it logs on, is brought to a session's state, carries that session's statements one at a
// time, and knows from packet headers where each answer ends.
//
// Flow: the pool makes it and calls `open`; `on_backend_ready` when it is logged on and what the logon gave it is
// known. A session that got it sets itself as user, calls `prepare` (unless there is nothing to do), waits for
// `on_prepared`, then `begin_answer` and `send`. The answer arrives in `on_answer`, its end in `on_answered`.
//
// Preparation is awaited before the statement is sent. Sending both at once would save a round trip, but a statement
// must not run if what it relies on failed: after a refused change of schema it would write to another table.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "protocol/command.hpp"
#include "protocol/response.hpp"
#include "protocol/response_framer.hpp"
#include "protocol/response_translator.hpp"
#include "protocol/statement.hpp"
#include "proxy/backend_identity.hpp"
#include "proxy/backend_login.hpp"
#include "proxy/backend_statements.hpp"
#include "proxy/carried_state.hpp"
#include "proxy/channel.hpp"
#include "proxy/packet_assembler.hpp"
#include "proxy/state/kept_diagnostics.hpp"
#include "proxy/state/logon_state.hpp"

namespace sluice::proxy {

class Backend;

// Asked of each connection at its logon, where the server has session trackers: what a trigger or a function changed,
// only the server can say. (MariaDB 10.2, MySQL 5.7 and later.)
constexpr std::string_view track_state_changes = "SET SESSION session_track_schema=1, session_track_state_change=1";

// What one answer said, as far as it has been seen.
struct Answer {
  bool started = false;  // bytes of it were handed on
  bool error = false;
  std::uint16_t error_code = 0;
  protocol::StatusFlags status = 0;  // of the last OK or EOF; kept from before if there was none
  bool status_seen = false;
  std::uint64_t last_insert_id = 0;
  std::uint16_t warnings = 0;  // of the last result
  bool warned = false;         // any of its results
  bool cursor = false;         // a cursor stays open on the connection
  bool rows = false;           // it held a resultset, whose end tells no insert id
  bool state_changed = false;  // the server said that some state of the session has changed
  bool withheld = false;       // it was an error, and the user kept it from its client
  protocol::PrepareOk prepared;
};

// The session that has the connection.
class BackendUser {
 public:
  virtual void on_prepared(Backend& backend) = 0;
  // A preparation step was refused by the server. What it is in: if the connection is not tainted, the target, and only
  // the statement is missing; else that is not known any more.
  virtual void on_prepare_refused(Backend& backend, const protocol::ErrPacket& error) = 0;
  virtual void on_answer(Backend& backend, io::Slice bytes) = 0;
  // The answer ends with an error, and nothing of it was handed on. True: it does not come to `on_answer`.
  [[nodiscard]] virtual bool withholds(const Backend& backend) const = 0;
  // The client's own statement id, to be put into the prepare answer before it is handed on.
  virtual std::uint32_t client_statement_id() = 0;
  virtual void on_answered(Backend& backend) = 0;
  // The connection is gone (and will be destroyed by its owner). `sent`: see Backend::statement_sent.
  virtual void on_backend_lost(Backend& backend, std::string_view why) = 0;
  virtual void on_backend_drained(Backend& backend) = 0;
  [[nodiscard]] virtual protocol::Capabilities client_capabilities() const = 0;
  // The client itself may have asked to be told that some state has changed; else it is told what it would be without
  // our asking.
  [[nodiscard]] virtual bool tracks_state_changes() const { return false; }

 protected:
  ~BackendUser() = default;
};

// The pool that it belongs to.
class BackendOwner {
 public:
  virtual void on_backend_ready(Backend& backend) = 0;
  // Never was ready. `code` 0: the server wasn't reached or broke the protocol; else the server's own error.
  virtual void on_backend_failed(Backend& backend, std::uint16_t code, std::string_view sqlstate,
                                 std::string_view text) = 0;
  // `in_use`: a session had it.
  virtual void on_backend_lost(Backend& backend, std::string_view why, bool in_use) = 0;
  // Variables that sessions set on its connections.
  [[nodiscard]] virtual const SetNames& set_names() const = 0;
  // What it was told when it had logged on.
  virtual void on_logon(const Backend& backend, LogonStatePtr logon) = 0;

 protected:
  ~BackendOwner() = default;
};

struct BackendOptions {
  std::string server_name;
  io::Endpoint endpoint;
  BackendTls tls_mode = BackendTls::off;
  const tls::TlsContext* tls = nullptr;
  protocol::ClientRsa rsa;
  std::uint32_t connect_timeout_ms = 0;
  std::uint32_t statements_max = 0;
};

// What must happen on a connection before a session's statement may be sent on it.
struct Preparation {
  StateSteps before;           // to the state in which `statement` is read; without one, to the target
  StatementTextPtr statement;  // to be prepared; empty: none
  StateSteps after;            // from there to the target
  CarriedState target;         // the state after it
  std::optional<std::uint64_t> set_last_insert_id;  // SET last_insert_id
  bool read_insert_id = false;                      // SELECT LAST_INSERT_ID() into insert_id
  bool read_diagnostics = false;                    // KeptDiagnostics::questions into diagnostics_read
  std::string question;                             // a SELECT of one row, into answer_row
  std::string statement_of_ours;  // that changes nothing on the connection, and whose rows nobody needs
  [[nodiscard]] bool none() const {
    return before.none() && after.none() && statement == nullptr && !set_last_insert_id && !read_insert_id &&
           !read_diagnostics && question.empty() && statement_of_ours.empty();
  }
};

class Backend final : private ChannelHandler, private io::TimerHandler {
 public:
  Backend(io::Loop& loop, BackendOwner& owner, IdentityPtr identity, BackendOptions options);
  ~Backend();

  void open();
  void close();  // at once; the owner forgets it

  [[nodiscard]] bool ready() const { return ready_; }
  [[nodiscard]] const IdentityPtr& identity() const { return identity_; }
  [[nodiscard]] const io::Endpoint& endpoint() const { return options_.endpoint; }
  [[nodiscard]] std::uint32_t thread_id() const { return thread_id_; }  // the server's own connection id
  [[nodiscard]] const std::string& server_name() const { return options_.server_name; }

  // How to get from this state to that one here; see carried_state.hpp.
  [[nodiscard]] std::optional<StateSteps> steps(const CarriedState& from, const CarriedState& to) const {
    return steps_to(from, to, logon_.get(), logon_values_);
  }
  // It was told what its logon gave for it, so that it can be taken back to that.
  [[nodiscard]] bool knows_value(std::string_view variable) const { return logon_values_.knows(variable); }

  // nullptr: the server doesn't tell.
  [[nodiscard]] const LogonState* logon() const { return logon_.get(); }

  void set_user(BackendUser* user) { user_ = user; }
  [[nodiscard]] BackendUser* user() const { return user_; }

  void prepare(const Preparation& preparation);
  [[nodiscard]] bool preparing() const { return !own_.empty(); }

  // The next answer is the user's. `statement`: what is being prepared, for ResponseShape::prepare.
  void begin_answer(protocol::ResponseShape shape, StatementTextPtr statement = nullptr);
  void send(io::Slice bytes);
  void send_copy(protocol::Bytes bytes);
  [[nodiscard]] bool answering() const { return answering_; }
  [[nodiscard]] const Answer& answer() const { return answer_; }
  // The ERR payload that the answer ended with, if answer().error.
  [[nodiscard]] protocol::Bytes error_payload() const { return error_payload_; }
  // Bytes of a statement left for the server since the last answer ended.
  [[nodiscard]] bool statement_sent() const { return statement_sent_; }

  // Between two statements: closes one that the server has, so that it must be prepared anew.
  void close_statement(const StatementText* text);

  void pause_receive() { channel_.pause_receive(); }
  void resume_receive() { channel_.resume_receive(); }
  [[nodiscard]] bool above_high_water() const { return channel_.above_high_water(); }

  // The session state that the connection is in. The session that has it keeps it true.
  CarriedState state;
  BackendStatements statements;
  // What LAST_INSERT_ID() gives on it, once it was given back; nullopt: not known.
  std::optional<std::uint64_t> insert_id = 0;
  // What Preparation::question was answered; empty: no row, as a session that sets sql_select_limit to 0 gets none.
  std::vector<std::optional<std::string>> answer_row;
  // What Preparation::read_diagnostics was answered.
  std::unique_ptr<KeptDiagnostics> diagnostics_read;
  std::uint32_t last_session = 0;  // who had it last: its diagnostics, and nobody else's, are on it
  // Whose error or warnings were the last on it: statements without tables leave them there. 0: they were cleared.
  std::uint32_t diagnostics_of = 0;
  static constexpr std::uint32_t nobody = UINT32_MAX;  // a request of ours warned
  std::uint64_t idle_since_ms = 0;
  std::uint64_t opened_ms = 0;
  std::uint64_t opened_at = 0;  // as PoolHost::global_changes() counts
  bool tainted = false;         // something on it can't be undone: close it instead of giving it back
  // A request of ours was answered after the user's last statement: ROW_COUNT() and FOUND_ROWS() are about that now.
  bool row_counts_gone = false;

 private:
  // A request of our own whose answer is swallowed.
  struct OwnRequest {
    enum class Kind : std::uint8_t {
      plain,
      prepare,
      ours,
      read_insert_id,
      read_diagnostics,
      question,
      read_value,
      read_logon,
      at_logon,
      set_autocommit
    };
    Kind kind = Kind::plain;
    StatementTextPtr statement;
    protocol::ResponseShape shape = protocol::ResponseShape::ok_or_error;
    std::string variable = {};  // read_value
  };

  void on_connected(int error) override;
  void on_bytes(io::Slice bytes) override;
  void on_gone(std::string_view why) override;
  void on_drained() override;
  void on_timer(io::TimerId timer) override;

  void login_bytes(io::Slice& bytes);
  void login_step(BackendLogin::Step step, std::uint8_t sequence);
  void logged_on();
  void know_logon(LogonStatePtr logon);
  void logon_answered(OwnRequest::Kind kind, const io::Slice& rest);
  void become_ready();
  void fail(std::uint16_t code, std::string_view sqlstate, std::string_view text);

  void own_bytes(io::Slice& bytes);
  void own_packet();
  void start_own_answer();
  void finish_own_request(const io::Slice& rest);
  void remember_statement(StatementTextPtr text, std::uint32_t id);
  void close_on_server(std::uint32_t id);
  void request(protocol::Command command, std::string_view text, OwnRequest own);
  void request_steps(const StateSteps& steps);
  void request_value(std::string_view variable);

  void answer_bytes(io::Slice& bytes);
  void answer_bytes_translated(io::Slice& bytes);
  void note_packet(protocol::PacketRole role, protocol::Bytes payload);
  void note_ok(const protocol::OkPacket& ok);
  void note_warnings(std::uint16_t count);
  [[nodiscard]] bool withhold_error();
  // The framer's packet as this client must get it; empty: as it is (`in_place`, if given, was mended where it lies).
  [[nodiscard]] protocol::ByteBuffer rewritten_packet(std::uint8_t* in_place);
  [[nodiscard]] static std::string unasked_text(const io::Slice& bytes);
  static void put_statement_id(std::uint8_t* packet, std::uint32_t id);
  void hand_on(io::Slice bytes);
  void hand_on_copy(protocol::Bytes bytes);
  void finish_answer();
  void answer_over(io::Slice& rest);
  void broken(std::string_view why);

  io::Loop& loop_;
  BackendOwner& owner_;
  IdentityPtr identity_;
  BackendOptions options_;
  Channel channel_;
  io::TimerId deadline_;
  PacketAssembler assembler_;
  std::unique_ptr<BackendLogin> login_;
  protocol::Capabilities negotiated_ = 0;
  std::uint32_t thread_id_ = 0;
  BackendUser* user_ = nullptr;
  bool ready_ = false;
  LogonStatePtr logon_;  // nullptr: the server doesn't tell
  LogonValues logon_values_;
  bool autocommit_at_logon_ = true;

  std::deque<OwnRequest> own_;
  CarriedState own_target_;
  bool own_refused_ = false;
  bool own_state_lost_ = false;     // what was refused is not only a statement, which leaves the state as it is
  protocol::ByteBuffer own_error_;  // the first refusal's payload
  protocol::ByteBuffer own_rows_;   // what the running request's resultset holds, bounded
  std::uint16_t own_warnings_ = 0;  // as its end tells

  bool answering_ = false;
  bool statement_sent_ = false;
  protocol::ResponseFramer framer_;
  std::unique_ptr<protocol::ResponseTranslator> translator_;  // made when a client's answers differ in form
  bool translating_ = false;
  Answer answer_;
  protocol::ByteBuffer error_payload_;
  StatementTextPtr preparing_;
};

}  // namespace sluice::proxy
