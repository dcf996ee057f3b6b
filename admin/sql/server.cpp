#include "admin/sql/server.hpp"

#include <array>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/write.hpp>
#include <chrono>
#include <set>
#include <utility>

#include "admin/acceptor.hpp"
#include "proxy/tls/random.hpp"

namespace sluice::admin {

namespace asio = boost::asio;
using boost::system::error_code;

namespace {
class Connection;
}

class SqlServer::Impl : public std::enable_shared_from_this<Impl> {
 public:
  Impl(BoundListener listener, SqlServerOptions options, StateSource& source)
      : options_(std::move(options)),
        source_(&source),
        engine_(options_.engine),
        listener_(std::move(listener)),
        pause_(listener_.acceptor.get_executor()) {}

  void accept();
  void stop();
  void forget(const std::shared_ptr<Connection>& connection) { connections_.erase(connection); }

  [[nodiscard]] const SqlServerOptions& options() const { return options_; }
  [[nodiscard]] StateSource& source() { return *source_; }
  [[nodiscard]] SqlEngine& engine() { return engine_; }
  [[nodiscard]] const io::Endpoint& endpoint() const { return listener_.endpoint; }
  [[nodiscard]] std::size_t connections() const { return connections_.size(); }
  [[nodiscard]] bool stopped() const { return stopped_; }

 private:
  void adopt(StreamSocket socket);
  void accept_later();

  SqlServerOptions options_;
  StateSource* source_;
  SqlEngine engine_;
  BoundListener listener_;
  asio::steady_timer pause_;
  std::set<std::shared_ptr<Connection>> connections_;
  std::uint32_t last_id_ = 0;
  bool stopped_ = false;
};

namespace {

// One client. Owned by the server's set and by its pending operations; `close` ends all of them.
class Connection : public std::enable_shared_from_this<Connection> {
 public:
  Connection(std::shared_ptr<SqlServer::Impl> server, StreamSocket socket, std::uint32_t id)
      : server_(std::move(server)),
        socket_(std::move(socket)),
        timer_(socket_.get_executor()),
        session_(server_->options().account, tls::random_nonce(), id, peer_name(socket_)) {}

  void start() {
    set_deadline(server_->options().login_timeout_ms);
    login_deadline_ = true;
    write();
  }

  void close() {
    if (closed_) return;
    closed_ = true;
    error_code ignored;
    (void)socket_.close(ignored);
    timer_.cancel();
    server_->forget(shared_from_this());
  }

 private:
  void set_deadline(std::uint32_t ms) {
    timer_.expires_after(std::chrono::milliseconds(ms));
    timer_.async_wait([self = shared_from_this()](error_code error) {
      if (!error) self->close();
    });
  }

  void read() {
    // The login deadline counts from the start: a peer that dribbles bytes doesn't move it.
    if (session_.authenticated()) {
      login_deadline_ = false;
      set_deadline(server_->options().idle_timeout_ms);
    }
    socket_.async_read_some(asio::buffer(chunk_), [self = shared_from_this()](error_code error, std::size_t size) {
      if (self->closed_) return;
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
        return gather();
    }
  }

  // What earlier commands of the same chunk have answered goes out together with this query's answer.
  void gather() {
    server_->source().gather([self = shared_from_this()](const std::shared_ptr<const AdminState>& state) {
      if (self->closed_) return;
      self->answer(*state);
      // A turn of the loop between pipelined queries: the control thread has servers to watch.
      asio::post(self->socket_.get_executor(), [self] {
        if (!self->closed_) self->write_then_step();
      });
    });
  }

  void answer(const AdminState& state) {
    using Kind = AdminStatement::Kind;
    const AdminStatement statement = understand(session_.query());
    switch (statement.kind) {
      case Kind::query:
        return session_.answer(server_->engine().run(state, statement));
      case Kind::error:
        return session_.answer(statement.error);
      case Kind::accepted:
        return session_.answer_ok();
      case Kind::shutdown:
        shut_down_ = true;  // when the answer is out
        return session_.answer_ok();
      case Kind::kill:
        return kill(state, statement.session);
    }
  }

  void kill(const AdminState& state, std::uint32_t id) {
    for (const auto& row : state.report.sessions) {
      if (row.id != id) continue;
      server_->source().kill(id);
      return session_.answer_ok();
    }
    session_.answer(SqlError{1094, "HY000", "Unknown thread id: " + std::to_string(id)});
  }

  void write() {
    write_then([self = shared_from_this()] { self->read(); });
  }
  void write_then_step() {
    write_then([self = shared_from_this()] { self->step(); });
  }

  template <class Next>
  void write_then(Next next) {
    output_ = session_.take_output();
    if (output_.empty()) return last_ ? close() : next();
    if (!login_deadline_) set_deadline(server_->options().write_timeout_ms);
    asio::async_write(socket_, asio::buffer(output_),
                      [self = shared_from_this(), next = std::move(next)](error_code error, std::size_t /*size*/) {
                        if (std::exchange(self->shut_down_, false)) self->server_->source().shutdown();
                        if (self->closed_) return;
                        if (error || self->last_) return self->close();
                        next();
                      });
  }

  std::shared_ptr<SqlServer::Impl> server_;
  StreamSocket socket_;
  asio::steady_timer timer_;
  SqlSession session_;
  std::array<std::uint8_t, 16 * 1024> chunk_{};
  protocol::ByteBuffer output_;
  bool login_deadline_ = false;
  bool shut_down_ = false;
  bool last_ = false;  // close when the output is written
  bool closed_ = false;
};

}  // namespace

void SqlServer::Impl::accept() {
  listener_.acceptor.async_accept([self = shared_from_this()](error_code error, StreamSocket socket) {
    if (self->stopped_) return;
    if (error) return self->accept_later();
    self->adopt(std::move(socket));
    self->accept();
  });
}

// Out of descriptors, most likely: trying again at once would spin.
void SqlServer::Impl::accept_later() {
  pause_.expires_after(std::chrono::milliseconds(100));
  pause_.async_wait([self = shared_from_this()](error_code error) {
    if (!error && !self->stopped_) self->accept();
  });
}

void SqlServer::Impl::adopt(StreamSocket socket) {
  if (connections_.size() >= options_.connections_max) return;  // the socket closes
  const auto connection = std::make_shared<Connection>(shared_from_this(), std::move(socket), ++last_id_);
  connections_.insert(connection);
  connection->start();
}

void SqlServer::Impl::stop() {
  if (stopped_) return;
  stopped_ = true;
  error_code ignored;
  (void)listener_.acceptor.close(ignored);
  pause_.cancel();
  while (!connections_.empty()) (*connections_.begin())->close();
}

SqlServer::SqlServer(std::shared_ptr<Impl> impl) : impl_(std::move(impl)) { impl_->accept(); }
// NOLINTNEXTLINE(bugprone-exception-escape): cancelling a timer does not throw with epoll
SqlServer::~SqlServer() { stop(); }
const io::Endpoint& SqlServer::endpoint() const { return impl_->endpoint(); }
std::size_t SqlServer::connections() const { return impl_->connections(); }
void SqlServer::stop() { impl_->stop(); }

Result<std::unique_ptr<SqlServer>, std::string> SqlServer::listen(asio::io_context& io, SqlServerOptions options,
                                                                  StateSource& source) {
  auto listener = bind_listener(io, options.listen);
  if (!listener) return listener.error();
  auto impl = std::make_shared<Impl>(std::move(*listener), std::move(options), source);
  return std::unique_ptr<SqlServer>(new SqlServer(std::move(impl)));
}

}  // namespace sluice::admin
