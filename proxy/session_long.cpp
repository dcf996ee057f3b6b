// Session: commands too long to be kept. Their head was looked at; their body is passed through, or dropped.
#include "proxy/session.hpp"
#include "proxy/worker.hpp"

namespace sluice::proxy {

// Passes the rest of a long command through, as fast as the server takes it.
void Session::stream_body() {
  while (reader_.in_body()) {
    if (backend_->above_high_water()) {
      channel_.pause_receive();
      return;
    }
    auto piece = reader_.take_body();
    if (reader_.long_size() > worker_.limits().packet_max) return close_too_long();
    if (piece.empty()) break;
    if (!piece.slice.empty()) {
      backend_->send(std::move(piece.slice));
    } else {
      backend_->send_copy(piece.copied);
    }
  }
  channel_.resume_receive();
  if (reader_.in_body()) return;
  current_.streamed = false;
  sequence_ = reader_.next_sequence();
  if (!current_.silent()) return;
  end_statement();
}

void Session::on_backend_drained(Backend& /*backend*/) {
  if (stage_ == Stage::running && current_.streamed) stream_body();
}

void Session::close_too_long() {
  sequence_ = reader_.next_sequence();
  close_with(packet_too_large("limits.packet_max"));
}

// An error can't be told before the rest of the command has come: the client counts its packets, and most read nothing
// while they send. nullopt: nothing is told, as of SEND_LONG_DATA.
void Session::refuse_long(std::optional<ClientError> error) {
  stop_waiting();
  refusal_ = std::move(error);
  stage_ = Stage::dropping;
  current_.command.clear();
  if (backend_ != nullptr && !tied()) give_back();
  drop_body();
}

void Session::drop_body() {
  while (reader_.in_body()) {
    const auto piece = reader_.take_body();
    if (reader_.long_size() > worker_.limits().packet_max) return close_too_long();
    if (!piece.empty()) continue;
    start_deadline(worker_.limits().client_idle_max_ms);
    return channel_.resume_receive();
  }
  current_.streamed = false;
  sequence_ = reader_.next_sequence();
  const auto error = std::exchange(refusal_, std::nullopt);
  if (error) return fail_current(*error);
  stop_waiting();
  end_statement();
}

}  // namespace sluice::proxy
