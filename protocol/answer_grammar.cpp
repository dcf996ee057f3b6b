#include "protocol/answer_grammar.hpp"

#include "protocol/reader.hpp"
#include "protocol/response.hpp"
#include "protocol/statement.hpp"

namespace sluice::protocol {

namespace {

constexpr std::uint8_t ok_byte = 0x00;
constexpr std::uint8_t local_infile_byte = 0xfb;
constexpr std::uint8_t eof_byte = 0xfe;
constexpr std::uint8_t err_byte = 0xff;
constexpr std::uint32_t eof_payload_end = 9;  // a classic EOF is shorter than this, a row that starts 0xfe is not
constexpr std::uint32_t ok_payload_min = 7;   // two short integers, status and warnings after the type byte

}  // namespace

void AnswerGrammar::start(ResponseShape shape, Capabilities negotiated) {
  *this = AnswerGrammar{};
  negotiated_ = negotiated;
  shape_ = shape;
  switch (shape) {
    case ResponseShape::rows:
    case ResponseShape::field_list:
      state_ = State::rows;
      break;
    case ResponseShape::text:
      state_ = State::text;
      break;
    case ResponseShape::ok_or_error:
    case ResponseShape::query:
    case ResponseShape::cursor:
    case ResponseShape::prepare:
      state_ = State::first;
      break;
  }
}

PacketClass AnswerGrammar::inspect(PacketRole role) {
  role_ = role;
  return PacketClass::inspect;
}

// The end of rows starts with 0xfe. So does a row whose first value is 16 MiB or longer, but such a row fills its first
// packet.
bool AnswerGrammar::ends_rows(std::uint32_t length, std::uint8_t first) const {
  if (first != eof_byte) return false;
  return has(negotiated_, cap::deprecate_eof) ? length < packet_payload_max : length < eof_payload_end;
}

// Some servers answer a few commands with a classic EOF whatever was negotiated; it's too short to be an OK.
PacketRole AnswerGrammar::end_role(std::uint32_t length) const {
  return has(negotiated_, cap::deprecate_eof) && length >= ok_payload_min ? PacketRole::ok : PacketRole::eof;
}

PacketClass AnswerGrammar::classify(std::uint32_t length, std::uint8_t first) {
  if (length == 0) return state_ == State::text ? PacketClass::pass : PacketClass::malformed;
  if (first == err_byte) {
    // After a prepare-OK the client may have seen the end already: there it could only take an error for another
    // answer.
    return shape_ == ResponseShape::prepare && state_ != State::first ? PacketClass::malformed
                                                                      : inspect(PacketRole::error);
  }
  switch (state_) {
    case State::first:
    case State::file_result:
      return classify_first(length, first);
    case State::params:
    case State::columns:
      return PacketClass::pass;
    case State::params_end:
    case State::columns_end:
      return first == eof_byte && length < eof_payload_end ? inspect(PacketRole::eof) : PacketClass::malformed;
    case State::rows:
      return ends_rows(length, first) ? inspect(end_role(length)) : PacketClass::pass;
    case State::text:
      return PacketClass::pass;
    case State::done:
      break;
  }
  return PacketClass::malformed;
}

PacketClass AnswerGrammar::classify_first(std::uint32_t length, std::uint8_t first) {
  if (first == ok_byte) return inspect(shape_ == ResponseShape::prepare ? PacketRole::prepare_ok : PacketRole::ok);
  if (shape_ == ResponseShape::prepare) return PacketClass::malformed;
  if (ends_rows(length, first)) return inspect(end_role(length));
  if (!several_results() || state_ == State::file_result) return PacketClass::malformed;
  if (first == local_infile_byte) return inspect(PacketRole::local_infile);
  return length <= column_count_payload_max ? PacketClass::column_count : PacketClass::malformed;
}

bool AnswerGrammar::take_column_count(Bytes payload) {
  Reader in(payload);
  const std::uint64_t count = in.lenenc();
  // MariaDB's metadata cache: a byte says whether the definitions follow at all.
  bool follows = true;
  if (has(negotiated_, cap::mariadb_cache_metadata) && !in.at_end()) follows = in.u8() != 0;
  if (!in.ok() || !in.at_end() || count == 0 || count > columns_max) return false;
  begin_definitions(State::columns, follows ? static_cast<std::uint32_t>(count) : 0);
  return true;
}

bool AnswerGrammar::take_inspected(Bytes payload) {
  after_columns_ = false;
  switch (role_) {
    case PacketRole::error:
      if (!parse_err(payload)) return false;
      state_ = State::done;
      return true;
    case PacketRole::ok: {
      const auto ok = parse_ok(payload, negotiated_);
      if (!ok) return false;
      result_ended(ok->status);
      return true;
    }
    case PacketRole::eof:
      return take_eof(payload);
    case PacketRole::prepare_ok:
      return take_prepare_ok(payload);
    case PacketRole::local_infile:
      state_ = State::file_result;
      return true;
    case PacketRole::fragment:
      break;
  }
  return false;
}

bool AnswerGrammar::take_eof(Bytes payload) {
  const auto eof = parse_eof(payload);
  if (!eof) return false;
  after_columns_ = state_ == State::columns_end || state_ == State::params_end;
  if (after_columns_) {
    after_definitions_end(eof->status);
  } else {
    result_ended(eof->status);
  }
  return true;
}

bool AnswerGrammar::take_prepare_ok(Bytes payload) {
  const auto ok = parse_prepare_ok(payload);
  if (!ok) return false;
  columns_after_params_ = ok->columns;
  if (ok->params > 0) {
    begin_definitions(State::params, ok->params);
  } else if (ok->columns > 0) {
    begin_definitions(State::columns, ok->columns);
  } else {
    state_ = State::done;
  }
  return true;
}

void AnswerGrammar::begin_definitions(State state, std::uint32_t count) {
  state_ = state;
  definitions_left_ = count;
  if (count == 0) definitions_ended();
}

void AnswerGrammar::passed() {
  if (state_ == State::text) state_ = State::done;
  if (state_ != State::params && state_ != State::columns) return;
  if (--definitions_left_ == 0) definitions_ended();
}

void AnswerGrammar::definitions_ended() {
  ++definition_blocks_;
  const State end = state_ == State::params ? State::params_end : State::columns_end;
  state_ = end;
  if (has(negotiated_, cap::deprecate_eof)) after_definitions_end(0);
}

// `flags` are those of the EOF, if there is one.
void AnswerGrammar::after_definitions_end(StatusFlags flags) {
  if (state_ == State::params_end && columns_after_params_ > 0) {
    begin_definitions(State::columns, columns_after_params_);
  } else if (shape_ == ResponseShape::prepare) {
    state_ = State::done;
  } else if (opens_cursor(flags)) {
    result_ended(flags);
  } else {
    state_ = State::rows;
  }
}

bool AnswerGrammar::several_results() const {
  return shape_ == ResponseShape::query || shape_ == ResponseShape::cursor;
}

// What a CALL returns is followed by its own OK at least: the flag speaks of the routine's cursor there.
bool AnswerGrammar::opens_cursor(StatusFlags flags) const {
  return shape_ == ResponseShape::cursor && first_result_ && (flags & status::cursor_exists) != 0 &&
         (flags & status::more_results) == 0;
}

void AnswerGrammar::result_ended(StatusFlags flags) {
  const bool resultset = state_ == State::rows || state_ == State::columns_end;  // else an OK: it opens none
  const bool fetched = shape_ == ResponseShape::rows && (flags & status::cursor_exists) != 0;
  cursor_open_ = resultset && (opens_cursor(flags) || (fetched && (flags & status::last_row_sent) == 0));
  first_result_ = false;
  const bool more = several_results() && (flags & status::more_results) != 0;
  state_ = more ? State::first : State::done;
}

}  // namespace sluice::protocol
