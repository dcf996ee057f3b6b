#include "proxy/gate_answer.hpp"

#include <algorithm>
#include <string_view>

namespace sluice::proxy {

namespace {

void list(std::string& text, std::uint32_t n, std::string_view one, std::string_view many) {
  if (n == 0) return;
  if (!text.empty()) text += ", ";
  text.append(std::to_string(n)).append(" ").append(n == 1 ? one : many);
}

std::string_view name_of(OpenWork::Kind kind) {
  switch (kind) {
    case OpenWork::Kind::transaction:
      return "a transaction";
    case OpenWork::Kind::lock:
      return "table locks or XA";
    case OpenWork::Kind::statement:
      break;
  }
  return "a statement";
}

// Any of the texts will do: the orders are the same for all workers.
void keep_first(std::string& text, const std::string& other) {
  if (text.empty()) text = other;
}

}  // namespace

void OpenWork::add(std::uint32_t session, Kind kind, std::uint64_t since_ms) {
  ++(kind == Kind::transaction ? transactions : kind == Kind::lock ? locks : statements);
  if (oldest_session != 0 && since_ms >= oldest_since_ms) return;
  oldest_session = session;
  oldest_since_ms = since_ms;
  oldest = kind;
}

OpenWork& OpenWork::operator+=(const OpenWork& part) {
  transactions += part.transactions;
  locks += part.locks;
  statements += part.statements;
  kills += part.kills;
  seen_ms = std::max(seen_ms, part.seen_ms);
  if (part.oldest_session != 0 && (oldest_session == 0 || part.oldest_since_ms < oldest_since_ms)) {
    oldest_session = part.oldest_session;
    oldest_since_ms = part.oldest_since_ms;
    oldest = part.oldest;
  }
  return *this;
}

DrainAnswer& DrainAnswer::operator+=(const DrainAnswer& part) {
  drained = drained && part.drained;
  keep_first(interrupted, part.interrupted);
  keep_first(server, part.server);
  open += part.open;
  return *this;
}

std::string DrainAnswer::what() const {
  if (drained) return {};
  if (!interrupted.empty()) return interrupted;
  std::string text;
  list(text, open.transactions, "transaction", "transactions");
  list(text, open.locks, "session with table locks or XA", "sessions with table locks or XA");
  list(text, open.statements, "statement in flight", "statements in flight");
  list(text, open.kills, "statement of a client that is gone", "statements of clients that are gone");
  text = "still open on " + server + ": " + text;
  if (open.oldest_session == 0) return text;
  return text + "; the oldest is session " + std::to_string(open.oldest_session) + ", " +
         std::string(name_of(open.oldest)) + " for " + std::to_string(open.seen_ms - open.oldest_since_ms) + " ms";
}

CutAnswer& CutAnswer::operator+=(const CutAnswer& part) {
  keep_first(interrupted, part.interrupted);
  sessions += part.sessions;
  running += part.running;
  return *this;
}

std::string CutAnswer::what() const {
  if (!interrupted.empty()) return interrupted;
  if (running == 0) return {};
  return std::to_string(running) +
         " statement(s) may still run: as many KILLs as limits.server_kills_max allows are on "
         "their way already";
}

}  // namespace sluice::proxy
