// Session: KILL. An id is a session's, or a server's thread (session_id.hpp).
//
// Flow of a session's id: `kill_session` asks the session's own worker; `kill_answered` tells the client.
//
// Flow of a thread: `kill_thread` has all workers look whether it is a connection of ours. If so, it serves nobody else
// any more, from before the KILL is sent until it is closed (`Worker::mark_thread`); `thread_marked` sends the KILL on,
// so that the server judges who may do it; `kill_over` ends the session whose connection was killed. An expression is
// asked of the server first (`ask_whom_to_kill`).
#include <charconv>
#include <memory>
#include <utility>

#include "protocol/packet.hpp"
#include "proxy/gate_answer.hpp"
#include "proxy/kill_work.hpp"
#include "proxy/session.hpp"
#include "proxy/session_id.hpp"
#include "proxy/worker.hpp"

namespace sluice::proxy {

using protocol::Command;

void Session::on_kill(std::string_view sql, bool whole) {
  const router::Classification& effect = current_.own_effect;
  if (!whole) return refuse_long(kill_unreadable());
  if (effect.multi || any(effect.pin & router::Pin::unknown_statement)) {
    send_error(kill_unreadable());
    return done_locally();
  }
  const KillStatement kill = parse_kill(sql, dialect());
  current_.kill = std::make_unique<KillInWork>();
  current_.kill->statement = kill;
  current_.kill->statement.expression = {};
  switch (kill.target) {
    case KillStatement::Target::id:
      return kill_id();
    case KillStatement::Target::other:
      current_.kill.reset();
      return route();
    case KillStatement::Target::expression:
      break;
  }
  if (kill.expression.empty() || effect.calls_stored || any(effect.pin & ~router::Pin::connection_id)) {
    send_error(kill_expression_refused());
    return done_locally();
  }
  current_.kill->expression = kill.expression;
  route();
}

// COM_PROCESS_KILL.
void Session::on_process_kill(std::uint32_t id) {
  current_.kill = std::make_unique<KillInWork>();
  current_.kill->statement.id = id;
  kill_id();
}

void Session::kill_id() {
  const std::uint64_t id = current_.kill->statement.id;
  const bool own = backend_ != nullptr && id == backend_->thread_id();
  if (is_session_id(id) || own) return kill_session(own ? session : static_cast<std::uint32_t>(id));
  kill_thread();
}

void Session::kill_session(std::uint32_t id) {
  stage_ = Stage::waiting;
  Worker::KillOrder order{.killer_worker = worker_.index(),
                          .killer = session,
                          .user = user_,
                          .id = id,
                          .query_only = current_.kill->statement.query_only};
  const std::uint32_t home = worker_of(id, worker_.shared().workers);
  if (worker_.shared().post(home, [order = std::move(order)](Worker& w) { w.kill(order); })) return;
  kill_dropped();
}

void Session::kill_answered(std::uint32_t id, std::uint16_t error) {
  if (stage_ != Stage::waiting || in_line) return;
  if (error == 0) {
    send_ok();
  } else {
    send_error(error == 1095 ? not_owner(id) : unknown_thread(id));
  }
  done_locally();
  next_command();
}

void Session::kill_dropped() {
  send_error({1105, "HY000", "sluice: too much waits to be done; the KILL was not executed; try again later"});
  done_locally();
  next_command();
}

// On the server on which the session has seen it: where it is tied, or the leader.
void Session::kill_thread() {
  stage_ = Stage::waiting;
  KillInWork& kill = *current_.kill;
  if (!kill.server)
    kill.server = tied() ? std::optional(server_) : worker_.snapshot().clusters[account_->cluster].leader;
  if (!kill.server) return thread_marked({});  // and the statement waits for a leader
  const WorkerShared& shared = worker_.shared();
  const auto tell = [&shared, home = worker_.index(), id = session](const ThreadMark& mark) {
    shared.post_always(home, [id, mark](Worker& worker) {
      if (Session* killer = worker.find(id)) killer->thread_marked(mark);
    });
  };
  const auto join = std::make_shared<AnswerJoin<ThreadMark>>(shared.workers, tell);
  const std::uint32_t cluster = account_->cluster;
  const std::uint32_t server = *kill.server;
  for (std::uint32_t w = 0; w < shared.workers; ++w) {
    const auto look = [join, cluster, server, id = kill.statement.id](Worker& worker) {
      join->add(worker.mark_thread(cluster, server, id));
    };
    if (!shared.post(w, look)) join->add({.dropped = true});
  }
}

void Session::thread_marked(const ThreadMark& mark) {
  if (stage_ != Stage::waiting || in_line || current_.kill == nullptr) return;
  if (mark.dropped) return kill_dropped();
  current_.kill->victim = mark;
  if (current_.type == Command::query) {
    const std::string text = current_.kill->statement.with_id(current_.kill->statement.id);
    protocol::ByteBuffer payload{static_cast<std::uint8_t>(Command::query)};
    payload.insert(payload.end(), text.begin(), text.end());
    protocol::ByteBuffer packet;
    protocol::append_packet(packet, 0, payload);
    current_.command = ClientCommand(std::move(packet));
  }
  current_.shape =
      current_.type == Command::query ? protocol::ResponseShape::query : protocol::ResponseShape::ok_or_error;
  route();
}

// The same number is another thread's on another server, to which the leader may have moved meanwhile.
bool Session::kill_would_miss() const {
  return current_.kill != nullptr && current_.kill->expression.empty() && current_.kill->server != server_;
}

// A server computes it, and in the session's own state.
void Session::ask_whom_to_kill() {
  stage_ = Stage::preparing;
  current_.kill->asked = true;
  current_.kill->server = server_;  // the id is one of its threads
  Preparation preparation;
  preparation.target = state_;
  preparation.question = "SELECT CAST((" + current_.kill->expression + ") AS SIGNED) LIMIT 1";
  backend_->prepare(preparation);
}

// NULL is no thread's id, and 0 neither.
void Session::told_whom_to_kill(Backend& backend) {
  const auto row = std::exchange(backend.answer_row, {});
  KillInWork& kill = *current_.kill;
  kill.expression.clear();
  kill.asked = false;
  std::int64_t told = 0;
  if (row.size() == 1 && row[0]) std::from_chars(row[0]->data(), row[0]->data() + row[0]->size(), told);
  const auto id = static_cast<std::uint64_t>(told);
  kill.statement.id = id == backend.thread_id() ? session : id;
  if (!tied()) give_back();
  kill_id();
}

// Whoever had that connection has lost it: as a server's client would, it ends.
void Session::kill_over(const Answer& answer) {
  const KillInWork& kill = *current_.kill;
  if (answer.error || kill.statement.query_only || kill.victim.session == 0) return;
  const std::uint32_t victim = kill.victim.session;
  worker_.shared().post_always(worker_of(victim, worker_.shared().workers),
                               [victim](Worker& worker) { worker.kill_any(victim); });
}

}  // namespace sluice::proxy
