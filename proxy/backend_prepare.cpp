// Backend: bringing a connection to a session's state. Requests of our own, whose answers are swallowed.
#include <algorithm>
#include <cassert>
#include <charconv>

#include "protocol/command.hpp"
#include "protocol/packet.hpp"
#include "protocol/reader.hpp"
#include "proxy/backend.hpp"

namespace sluice::proxy {

using protocol::ByteBuffer;
using protocol::Bytes;
using protocol::Command;
using protocol::PacketRole;
using protocol::ResponseShape;

void Backend::prepare(const Preparation& preparation) {
  assert(ready_ && own_.empty() && !answering_ && user_ != nullptr);
  own_target_ = preparation.target;
  own_refused_ = own_state_lost_ = false;
  if (preparation.read_diagnostics) {  // first: from MySQL 5.7 on any SELECT clears them
    diagnostics_read = std::make_unique<KeptDiagnostics>();
    for (const auto question : KeptDiagnostics::questions) {
      request(Command::query, question, {OwnRequest::Kind::read_diagnostics, nullptr, {}});
    }
  }
  if (preparation.read_insert_id) {
    request(Command::query, "SELECT LAST_INSERT_ID()", {OwnRequest::Kind::read_insert_id, nullptr, {}});
  }
  request_steps(preparation.before);
  if (preparation.statement != nullptr) {
    request(Command::stmt_prepare, preparation.statement->sql, {OwnRequest::Kind::prepare, preparation.statement, {}});
  }
  request_steps(preparation.after);
  if (preparation.set_last_insert_id) {
    request(Command::query, "SET last_insert_id=" + std::to_string(*preparation.set_last_insert_id), {});
    insert_id = preparation.set_last_insert_id;
  }
  if (!preparation.question.empty()) {
    request(Command::query, preparation.question, {OwnRequest::Kind::question, nullptr, {}});
  }
  if (!preparation.statement_of_ours.empty()) {
    request(Command::query, preparation.statement_of_ours, {OwnRequest::Kind::ours, nullptr, {}});
  }
  assert(!own_.empty());
  start_own_answer();
}

void Backend::request_value(std::string_view variable) {
  request(Command::query, value_question(variable), {OwnRequest::Kind::read_value, nullptr, {}, std::string(variable)});
}

void Backend::request_steps(const StateSteps& steps) {
  if (steps.schema_first) request(Command::init_db, *steps.schema, {});
  if (!steps.set_names.empty()) request(Command::query, steps.set_names, {});
  if (!steps.sets.empty()) request(Command::query, steps.sets, {});
  if (steps.schema && !steps.schema_first) request(Command::init_db, *steps.schema, {});
}

void Backend::request(Command command, std::string_view text, OwnRequest own) {
  ByteBuffer payload;
  payload.reserve(text.size() + 1);
  payload.push_back(static_cast<std::uint8_t>(command));
  payload.insert(payload.end(), text.begin(), text.end());
  ByteBuffer packet;
  protocol::append_packet(packet, 0, payload);
  channel_.send_copy(packet);
  own.shape = command == Command::query          ? ResponseShape::query
              : command == Command::stmt_prepare ? ResponseShape::prepare
                                                 : ResponseShape::ok_or_error;
  own_.push_back(std::move(own));
}

void Backend::start_own_answer() {
  own_rows_.clear();
  own_warnings_ = 0;
  framer_.start(own_.front().shape, negotiated_);
}

void Backend::own_bytes(io::Slice& bytes) {
  constexpr std::size_t rows_max = 256 * 1024;  // one row with some numbers or names
  while (!bytes.empty() && !framer_.done()) {
    const auto step = framer_.next(bytes.bytes());
    if (step.kind == protocol::FramerStep::Kind::malformed) return broken("the server broke the protocol");
    if (step.kind == protocol::FramerStep::Kind::packet) own_packet();
    const bool rows = step.kind == protocol::FramerStep::Kind::relay ||
                      (step.kind == protocol::FramerStep::Kind::packet && framer_.role() == PacketRole::fragment);
    if (rows && own_rows_.size() < rows_max) {
      const Bytes part =
          step.kind == protocol::FramerStep::Kind::relay ? bytes.bytes().first(step.bytes) : framer_.packet();
      own_rows_.insert(own_rows_.end(), part.begin(), part.end());
    }
    bytes.drop_front(step.bytes);
  }
  if (framer_.done()) finish_own_request(bytes);
}

void Backend::own_packet() {
  const OwnRequest::Kind kind = own_.front().kind;
  switch (framer_.role()) {
    case PacketRole::error:
      if (kind == OwnRequest::Kind::read_value) break;        // what isn't told is taken for the global value
      if (kind == OwnRequest::Kind::read_diagnostics) break;  // what isn't told is not kept
      own_state_lost_ = own_state_lost_ || kind == OwnRequest::Kind::plain || kind == OwnRequest::Kind::read_insert_id;
      if (!own_refused_) {
        own_refused_ = true;
        own_error_.assign(framer_.payload().begin(), framer_.payload().end());
      }
      break;
    case PacketRole::prepare_ok:
      // After a refusal it may have been prepared in the wrong schema: nobody may find it.
      if (own_refused_) break;
      if (const auto ok = protocol::parse_prepare_ok(framer_.payload()); ok && own_.front().statement != nullptr) {
        remember_statement(own_.front().statement, ok->statement_id);
      }
      break;
    case PacketRole::ok:
      // Kept true step by step: if a later one is refused, a session may still be tied to the connection.
      if (const auto ok = protocol::parse_ok(framer_.payload(), negotiated_); ok) {
        own_warnings_ = ok->warnings;
        if (ok->warnings != 0 && kind != OwnRequest::Kind::read_diagnostics) diagnostics_of = nobody;
        if (ok->session_state.empty()) break;
        const auto track = protocol::parse_session_state(ok->session_state);
        if (track && track->schema) state.schema = *track->schema;
      }
      break;
    case PacketRole::eof:
      if (const auto eof = protocol::parse_eof(framer_.payload())) own_warnings_ = eof->warnings;
      break;
    default:
      break;
  }
}

void Backend::remember_statement(StatementTextPtr text, std::uint32_t id) {
  for (const std::uint32_t old : statements.add(std::move(text), id, options_.statements_max)) close_on_server(old);
}

void Backend::close_statement(const StatementText* text) {
  if (const auto id = statements.remove(text)) close_on_server(*id);
}

void Backend::close_on_server(std::uint32_t id) {
  ByteBuffer close{5, 0, 0, 0, static_cast<std::uint8_t>(Command::stmt_close), 0, 0, 0, 0};
  protocol::patch_statement_id(protocol::MutableBytes(close).subspan(protocol::packet_header_size), id);
  channel_.send_copy(close);
}

namespace {

// The only row of a resultset, given its packets without OK or classic EOF; empty: it holds none.
std::vector<std::optional<std::string>> only_row(Bytes packets) {
  std::vector<std::optional<std::string>> row;
  std::size_t index = 0;
  std::uint64_t columns = 0;
  while (packets.size() >= protocol::packet_header_size) {
    const auto header = protocol::read_packet_header(packets);
    packets = packets.subspan(protocol::packet_header_size);
    if (header.length > packets.size()) return {};
    const Bytes payload = packets.first(header.length);
    packets = packets.subspan(header.length);
    protocol::Reader in(payload);
    if (index == 0) columns = in.lenenc();
    if (index++ != columns + 1) continue;  // before it: the column count and the column definitions
    while (!in.at_end()) {
      constexpr std::uint8_t null = 0xfb;
      if (payload[payload.size() - in.left()] == null) {
        in.skip(1);
        row.emplace_back();
      } else {
        row.emplace_back(in.lenenc_text());
      }
    }
    return in.ok() ? row : std::vector<std::optional<std::string>>{};
  }
  return row;
}

// None: no row came, as a session that sets sql_select_limit to 0 gets none.
std::optional<std::uint64_t> only_number(Bytes packets) {
  const auto row = only_row(packets);
  if (row.size() != 1 || !row[0]) return std::nullopt;
  std::uint64_t value = 0;
  std::from_chars(row[0]->data(), row[0]->data() + row[0]->size(), value);
  return value;
}

}  // namespace

// What a server doesn't tell can't be taken back; all else works. (A user whose password has expired is told nothing.)
void Backend::logon_answered(OwnRequest::Kind kind, const io::Slice& rest) {
  if (kind == OwnRequest::Kind::read_logon && !own_refused_) {
    if (LogonStatePtr logon = logon_of_row(only_row(own_rows_)); logon != nullptr) {
      owner_.on_logon(*this, logon);
      know_logon(std::move(logon));
    }
  }
  // Then its answers would go on to tell what is not so.
  if (kind == OwnRequest::Kind::set_autocommit && own_refused_) return fail(0, "", "it refused to set autocommit");
  own_refused_ = own_state_lost_ = false;
  own_error_.clear();
  if (!own_.empty()) return start_own_answer();
  if (!rest.empty()) return broken(unasked_text(rest));
  become_ready();
}

void Backend::finish_own_request(const io::Slice& rest) {
  const OwnRequest done = std::move(own_.front());
  own_.pop_front();
  if (done.kind == OwnRequest::Kind::read_value) logon_values_.learn(done.variable, only_row(own_rows_));
  if (!ready_) return logon_answered(done.kind, rest);
  if (done.kind == OwnRequest::Kind::read_insert_id) insert_id = only_number(own_rows_);
  if (done.kind == OwnRequest::Kind::read_diagnostics && !own_rows_.empty() && diagnostics_read != nullptr) {
    diagnostics_read->add(std::move(own_rows_), own_warnings_);
  }
  if (done.kind == OwnRequest::Kind::question) answer_row = only_row(own_rows_);
  if (!own_.empty()) return start_own_answer();
  row_counts_gone = true;
  if (!rest.empty()) return broken(unasked_text(rest));
  BackendUser* user = user_;
  if (own_state_lost_) {
    tainted = true;
  } else {
    state = own_target_;
  }
  if (own_refused_) {
    const ByteBuffer refusal = std::move(own_error_);
    const auto err = protocol::parse_err(refusal);
    if (user != nullptr) {
      user->on_prepare_refused(*this, err ? *err : protocol::ErrPacket{1105, "HY000", "the server sent no reason"});
    }
    return;
  }
  if (user != nullptr) user->on_prepared(*this);
}

}  // namespace sluice::proxy
