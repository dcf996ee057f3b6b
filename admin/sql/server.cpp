#include "admin/sql/server.hpp"

#include <array>
#include <boost/asio/post.hpp>
#include <boost/asio/write.hpp>
#include <utility>

#include "proxy/tls/random.hpp"

namespace sluice::admin {

namespace asio = boost::asio;
using boost::system::error_code;

namespace {

// What the connections of one port share.
struct Shared {
  Shared(SqlOptions given, StateSource& state_source)
      : options(std::move(given)), source(state_source), engine(options.engine) {}
  SqlOptions options;
  StateSource& source;
  SqlEngine engine;
};

// A change that came about as its steps; one that did not as an error that says why.
Result<ResultSet, SqlError> told(const ChangeReport& change) {
  if (change.outcome != "done") {
    const std::string outcome = change.outcome == "failed" ? " failed: " : " was " + change.outcome + ": ";
    return SqlError{1105, "HY000", "the " + change.kind + outcome + change.reason};
  }
  ResultSet answer;
  answer.columns = {{"step"}, {"ok", true}, {"took_us", true}, {"error"}};
  for (const auto& step : change.steps) {
    answer.rows.push_back({step.what, step.ok ? "1" : "0", std::to_string(step.took.count()), step.error});
  }
  answer.rows.push_back({change.reason, "1", std::to_string(change.took_ms * 1000), ""});
  return answer;
}

class SqlConnection : public PortConnection {
 public:
  SqlConnection(std::shared_ptr<Shared> shared, StreamSocket accepted, std::uint32_t id)
      : PortConnection(std::move(accepted)),
        shared_(std::move(shared)),
        session_(shared_->options.account, tls::random_nonce(), id, peer_name(socket())) {}

  void start() override {
    set_deadline(shared_->options.login_timeout_ms);
    login_deadline_ = true;
    write();
  }

 private:
  std::shared_ptr<SqlConnection> self() { return std::static_pointer_cast<SqlConnection>(shared_from_this()); }

  void read() {
    // The login deadline counts from the start: a peer that dribbles bytes doesn't move it.
    if (session_.authenticated()) {
      login_deadline_ = false;
      set_deadline(shared_->options.idle_timeout_ms);
    }
    socket().async_read_some(asio::buffer(chunk_), [self = self()](error_code error, std::size_t size) {
      if (self->closed()) return;
      if (error) return self->close();
      self->session_.receive({self->chunk_.data(), size});
      self->step();
    });
  }

  void step() {
    switch (session_.next()) {
      case SqlSession::Step::need_more:
        return write();
      case SqlSession::Step::closing:
        last_ = true;
        return write();
      case SqlSession::Step::query:
        statement_ = understand(session_.query());
        return statement_.kind == AdminStatement::Kind::order ? carry_out() : gather();
    }
  }

  // What earlier commands of the same chunk have answered goes out together with this query's answer.
  void gather() {
    shared_->source.gather([self = self()](const std::shared_ptr<const AdminState>& state) {
      if (self->closed()) return;
      self->answer(*state);
      // A turn of the loop between pipelined queries: the control thread has servers to watch.
      asio::post(self->socket().get_executor(), [self] {
        if (!self->closed()) self->write_then_step();
      });
    });
  }

  void answer(const AdminState& state) {
    using Kind = AdminStatement::Kind;
    switch (statement_.kind) {
      case Kind::query:
        return session_.answer(shared_->engine.run(state, statement_));
      case Kind::error:
        return session_.answer(statement_.error);
      case Kind::accepted:
        return session_.answer_ok();
      case Kind::shutdown:
        shut_down_ = true;  // when the answer is out
        return session_.answer_ok();
      case Kind::kill:
        return kill(state, statement_.session);
      case Kind::order:
        break;  // it does not come here: see step()
    }
  }

  // It goes on if the operator's connection ends meanwhile.
  void carry_out() {
    shared_->source.carry_out(statement_.order, [self = self()](const ChangeReport& change) {
      if (self->closed()) return;
      self->session_.answer(told(change));
      self->write_then_step();
    });
  }

  void kill(const AdminState& state, std::uint32_t id) {
    for (const auto& row : state.report.sessions) {
      if (row.id != id) continue;
      shared_->source.kill(id);
      return session_.answer_ok();
    }
    session_.answer(SqlError{1094, "HY000", "Unknown thread id: " + std::to_string(id)});
  }

  void write() {
    write_then([self = self()] { self->read(); });
  }
  void write_then_step() {
    write_then([self = self()] { self->step(); });
  }

  template <class Next>
  void write_then(Next next) {
    output_ = session_.take_output();
    if (output_.empty()) return last_ ? close() : next();
    if (!login_deadline_) set_deadline(shared_->options.write_timeout_ms);
    asio::async_write(socket(), asio::buffer(output_),
                      [self = self(), next = std::move(next)](error_code error, std::size_t /*size*/) {
                        if (std::exchange(self->shut_down_, false)) self->shared_->source.shutdown();
                        if (self->closed()) return;
                        if (error || self->last_) return self->close();
                        next();
                      });
  }

  std::shared_ptr<Shared> shared_;
  SqlSession session_;
  AdminStatement statement_;  // the one in work
  std::array<std::uint8_t, 16 * 1024> chunk_{};
  protocol::ByteBuffer output_;
  bool login_deadline_ = false;
  bool shut_down_ = false;
  bool last_ = false;  // close when the output is written
};

}  // namespace

Result<std::shared_ptr<Port>, std::string> listen_sql(asio::io_context& io, SqlOptions options, StateSource& source) {
  const auto shared = std::make_shared<Shared>(std::move(options), source);
  return Port::listen(io, shared->options.listen, shared->options.connections_max,
                      [shared, last_id = std::uint32_t{0}](StreamSocket socket) mutable {
                        return std::make_shared<SqlConnection>(shared, std::move(socket), ++last_id);
                      });
}

}  // namespace sluice::admin
