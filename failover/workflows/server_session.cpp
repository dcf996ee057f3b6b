#include "failover/workflows/server_session.hpp"

#include <algorithm>
#include <boost/asio/ip/address.hpp>
#include <boost/asio/post.hpp>
#include <cassert>
#include <utility>

#include "failover/workflows/privileges.hpp"

namespace sluice::failover {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;
using std::chrono::milliseconds;

constexpr unsigned privilege_missing = 1227;

}  // namespace

ServerSession::ServerSession(asio::io_context& io, Login login)
    : io_(io), login_(std::move(login)), resolver_(io), resolve_deadline_(io) {}

// NOLINTNEXTLINE(bugprone-exception-escape): cancelling a timer does not throw with epoll
ServerSession::~ServerSession() { close(); }

void ServerSession::open(TimePoint deadline, Opened opened) {
  assert(!connection_ && !opened_);
  deadline_ = deadline;
  opened_ = std::move(opened);
  tls_tried_ = login_.tls;
  resolve();
}

void ServerSession::resolve() {
  const auto& host = login_.server.host;
  boost::system::error_code not_numeric;
  const auto numeric = asio::ip::make_address(host, not_numeric);
  if (host.empty() || !not_numeric) return connect(host.empty() ? std::string() : numeric.to_string());

  resolve_deadline_.expires_at(deadline_);
  resolve_deadline_.async_wait([weak = weak_from_this()](const boost::system::error_code& error) {
    const auto self = weak.lock();
    if (error || !self) return;
    self->resolver_.cancel();
    self->opened("the name " + self->login_.server.host + " is not resolved in time");
  });
  resolver_.async_resolve(
      host, std::to_string(login_.server.port),
      [weak = weak_from_this()](const boost::system::error_code& error, const tcp::resolver::results_type& found) {
        const auto self = weak.lock();
        if (error == asio::error::operation_aborted || !self || !self->opened_) return;
        self->resolve_deadline_.cancel();
        if (error || found.empty())
          return self->opened("the name " + self->login_.server.host + " has no address: " + error.message());
        self->connect(found.begin()->endpoint().address().to_string());
      });
}

void ServerSession::connect(const std::string& address) {
  address_ = address;
  connection_ = std::make_shared<DriverConnection>(io_);
  const auto& server = login_.server;
  ConnectTarget target{address, server.port, server.unix_path, login_.user, login_.password, tls_tried_};
  connection_->connect(std::move(target), left(), [weak = weak_from_this()](const DriverError& error) {
    if (const auto self = weak.lock()) self->on_connected(error);
  });
}

void ServerSession::on_connected(const DriverError& error) {
  if (!error.failed()) {
    kind_ = ServerKind::from_version(connection_->server_version());
    const auto why_not = why_not_supported(kind_);
    return why_not.empty() ? identify() : opened(why_not);
  }
  connection_->close();
  connection_.reset();
  if (tls_tried_ || !may_require_tls(error)) return opened(explain(error));
  tls_tried_ = true;
  connect(address_);
}

void ServerSession::identify() {
  connection_->query(session_settings(kind_, left()) + "; " + own_connection_query(), left(),
                     [weak = weak_from_this()](const DriverError& error) {
                       const auto self = weak.lock();
                       if (!self) return;
                       if (error.failed()) return self->opened(self->explain(error));
                       const auto& tables = self->connection_->tables();
                       const auto id = tables.size() == 2 ? read_own_connection(tables[1]) : std::nullopt;
                       if (!id) return self->opened("the server does not say which connection this is");
                       self->id_ = *id;
                       self->opened({});
                     });
}

void ServerSession::opened(const std::string& error) {
  asio::post(io_, [weak = weak_from_this(), error] {
    const auto self = weak.lock();
    if (!self || !self->opened_) return;
    const auto call = std::exchange(self->opened_, nullptr);
    call(error);
  });
}

void ServerSession::ask(std::string sql, TimePoint deadline, Answered answered) {
  assert(connection_ && !asking_ && !lost_);
  asking_ = true;
  deadline_ = deadline;
  connection_->query(std::move(sql), left(),
                     [weak = weak_from_this(), answered = std::move(answered)](const DriverError& error) {
                       const auto self = weak.lock();
                       if (!self) return;
                       self->asking_ = false;
                       self->lost_ = error.failed() && !is_refusal(error);
                       answered(error, self->connection_->tables());
                     });
}

void ServerSession::close() {
  opened_ = nullptr;
  resolver_.cancel();
  resolve_deadline_.cancel();
  if (connection_) connection_->close();
}

std::string ServerSession::explain(const DriverError& error) const {
  if (error.code != privilege_missing) return failover::explain(error, kind_, login_.user);
  DriverError plain = error;
  plain.code = 0;  // the remedy is another one than the monitor's
  return failover::explain(plain, kind_, login_.user) + " (" + std::to_string(error.code) + "): GRANT " +
         listed(privileges_to_act(kind_)) + " ON *.* TO '" + login_.user + "'@'…' lets it change leaders";
}

milliseconds ServerSession::left() const {
  return std::max(std::chrono::ceil<milliseconds>(deadline_ - std::chrono::steady_clock::now()), milliseconds(1));
}

}  // namespace sluice::failover
