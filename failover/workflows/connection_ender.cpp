#include "failover/workflows/connection_ender.hpp"

#include <charconv>
#include <utility>

namespace sluice::failover {
namespace {

// Between two looks at the process list, which tells nobody when a connection leaves it.
constexpr std::chrono::milliseconds look_again_after{5};
constexpr unsigned no_such_thread = 1094;

}  // namespace

ConnectionEnder::ConnectionEnder(boost::asio::io_context& io, std::shared_ptr<ServerSession> session)
    : session_(std::move(session)), pause_(io) {}

void ConnectionEnder::end_all(std::string list_sql, TimePoint deadline, Done done) {
  list_sql_ = std::move(list_sql);
  deadline_ = deadline;
  done_ = std::move(done);
  list();
}

void ConnectionEnder::list() {
  session_->ask(list_sql_, deadline_,
                [weak = weak_from_this()](const DriverError& error, const std::vector<ResultTable>& tables) {
                  const auto self = weak.lock();
                  if (self && !self->stopped_) self->on_list(error, tables);
                });
}

void ConnectionEnder::on_list(const DriverError& error, const std::vector<ResultTable>& tables) {
  if (error.failed()) return finish(session_->explain(error));
  if (tables.size() != 1) return finish("the server does not list its connections");
  for (const auto& row : tables[0].rows) {
    std::uint64_t id = 0;
    if (row.empty() || !row[0]) continue;
    const auto [end, wrong] = std::from_chars(row[0]->data(), row[0]->data() + row[0]->size(), id);
    if (wrong == std::errc{} && end == row[0]->data() + row[0]->size()) to_kill_.push_back(id);
  }
  if (to_kill_.empty()) return finish({});
  if (std::chrono::steady_clock::now() >= deadline_)
    return finish(std::to_string(to_kill_.size()) + " connections were told to end and have not ended in time");
  kill_next();
}

void ConnectionEnder::kill_next() {
  if (to_kill_.empty()) {
    pause_.expires_after(look_again_after);
    pause_.async_wait([weak = weak_from_this()](const boost::system::error_code& error) {
      const auto self = weak.lock();
      if (!error && self && !self->stopped_) self->list();
    });
    return;
  }
  const auto id = to_kill_.back();
  to_kill_.pop_back();
  session_->ask(kill_connection(id), deadline_,
                [weak = weak_from_this()](const DriverError& error, const std::vector<ResultTable>&) {
                  const auto self = weak.lock();
                  if (!self || self->stopped_) return;
                  if (error.failed() && error.code != no_such_thread)
                    return self->finish(self->session_->explain(error));
                  self->kill_next();
                });
}

void ConnectionEnder::finish(const std::string& error) {
  const auto keep_alive = shared_from_this();
  std::exchange(done_, nullptr)(error);
}

}  // namespace sluice::failover
