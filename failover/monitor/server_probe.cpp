#include "failover/monitor/server_probe.hpp"

#include <algorithm>
#include <boost/asio/ip/address.hpp>
#include <cstdio>
#include <utility>

#include "failover/monitor/utc_time.hpp"

namespace sluice::failover {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;

// Probes that are asked for out of turn come no closer than this.
constexpr std::chrono::milliseconds soonest{50};

}  // namespace

ServerProbe::ServerProbe(asio::io_context& io, MonitoredServer server, const MonitorOptions& options,
                         OnResult on_result)
    : io_(io),
      server_(std::move(server)),
      user_(options.user),
      password_(options.password),
      interval_(options.interval_ms),
      connect_timeout_(options.connect_timeout_ms),
      probe_timeout_(options.probe_timeout_ms),
      on_result_(std::move(on_result)),
      next_probe_(io),
      resolve_deadline_(io),
      resolver_(io),
      tls_(options.tls) {}

void ServerProbe::start() {
  if (stage_ != Stage::stopped) return;
  stage_ = Stage::idle;
  schedule(Clock::now());
}

void ServerProbe::stop() {
  stage_ = Stage::stopped;
  next_probe_.cancel();
  resolve_deadline_.cancel();
  resolver_.cancel();
  drop_connection();
}

void ServerProbe::probe_soon() {
  if (stage_ == Stage::stopped) return;
  if (stage_ != Stage::idle) {
    again_ = true;
    return;
  }
  schedule(std::max(Clock::now(), begun_ + soonest));
}

void ServerProbe::schedule(Clock::time_point when) {
  next_probe_.expires_at(when);
  next_probe_.async_wait([weak = weak_from_this()](const boost::system::error_code& error) {
    const auto self = weak.lock();
    if (!error && self && self->stage_ == Stage::idle) self->begin();
  });
}

void ServerProbe::begin() {
  begun_ = Clock::now();
  tried_twice_ = false;
  again_ = false;
  next_probe_.cancel();
  if (connection_)
    ask();
  else
    resolve();
}

void ServerProbe::resolve() {
  boost::system::error_code not_numeric;
  const auto address = asio::ip::make_address(server_.host, not_numeric);
  if (server_.host.empty() || !not_numeric) return connect(server_.host.empty() ? std::string() : address.to_string());

  stage_ = Stage::resolving;
  resolve_deadline_.expires_after(connect_timeout_);
  resolve_deadline_.async_wait([weak = weak_from_this()](const boost::system::error_code& error) {
    const auto self = weak.lock();
    if (error || !self || self->stage_ != Stage::resolving) return;
    self->resolver_.cancel();
    self->report_unreachable(Probe::silent, "the name " + self->server_.host + " is not resolved in time");
  });
  resolver_.async_resolve(
      server_.host, std::to_string(server_.port),
      [weak = weak_from_this()](const boost::system::error_code& error, const tcp::resolver::results_type& found) {
        const auto self = weak.lock();
        if (error == asio::error::operation_aborted || !self) return;
        if (self->stage_ != Stage::resolving) return;
        self->resolve_deadline_.cancel();
        if (error || found.empty())
          return self->report_unreachable(Probe::silent,
                                          "the name " + self->server_.host + " has no address: " + error.message());
        const auto turn = self->attempts_ % found.size();
        const auto it = std::next(found.begin(), static_cast<std::ptrdiff_t>(turn));
        self->connect(it->endpoint().address().to_string());
      });
}

void ServerProbe::connect(const std::string& address) {
  stage_ = Stage::connecting;
  ++attempts_;
  connection_ = std::make_shared<DriverConnection>(io_);
  ConnectTarget target{address, server_.port, server_.unix_path, user_, password_, tls_};
  connection_->connect(std::move(target), connect_timeout_, [weak = weak_from_this()](const DriverError& error) {
    if (const auto self = weak.lock()) self->on_connected(error);
  });
}

void ServerProbe::on_connected(const DriverError& error) {
  if (error.failed()) return fail(error);
  const auto version = connection_->server_version();
  kind_ = ServerKind::from_version(version);
  observation_.version = kind_.greeting_version(version);
  observation_.capabilities = connection_->server_capabilities();
  ask();
}

void ServerProbe::ask() {
  stage_ = Stage::asking;
  connection_->query(kind_.probe_statements(), probe_timeout_, [weak = weak_from_this()](const DriverError& error) {
    if (const auto self = weak.lock()) self->on_answer(error);
  });
}

void ServerProbe::on_answer(const DriverError& error) {
  if (error.failed()) return fail(error);
  if (read_probe(kind_, connection_->tables(), observation_)) return report_reachable();
  drop_connection();
  report_unreachable(Probe::turned_away, "the server's answers are not those of a MySQL or MariaDB server");
}

void ServerProbe::fail(const DriverError& error) {
  const bool asked = stage_ == Stage::asking;
  drop_connection();
  if (!asked && try_tls(error)) return resolve();
  if (!tried_twice_ && is_connection_lost(error)) {
    tried_twice_ = true;
    return resolve();
  }
  auto failure = plain_failure_.value_or(Failure{classify_probe(error), explain(error, kind_, user_)});
  report_unreachable(failure.how, std::move(failure.error));
}

// True: the connection was refused in a way that TLS may cure, and is to be tried with it now.
bool ServerProbe::try_tls(const DriverError& error) {
  if (plain_failure_) {  // that was the try: no better. One that took too long is worth another
    tls_ = false;
    tls_tried_ = !is_too_late(error);
  }
  if (tls_ || tls_tried_ || !may_require_tls(error)) return false;
  plain_failure_ = Failure{classify_probe(error), explain(error, kind_, user_)};
  tls_tried_ = tls_ = true;
  return true;
}

void ServerProbe::drop_connection() {
  if (!connection_) return;
  connection_->close();
  connection_.reset();
}

void ServerProbe::report_reachable() {
  observation_.reachable = true;
  observation_.probe = Probe::answered;
  plain_failure_.reset();
  tls_tried_ = false;
  observation_.error.clear();
  observation_.unreachable_since.clear();
  rest();
}

void ServerProbe::report_unreachable(Probe how, std::string error) {
  if (observation_.unreachable_since.empty()) observation_.unreachable_since = utc_now();
  observation_.reachable = false;
  observation_.probe = how;
  observation_.error = std::move(error);
  plain_failure_.reset();
  rest();
}

// The probe is over: tell, and sleep until the next one.
void ServerProbe::rest() {
  const auto now = Clock::now();
  observation_.probe_us =
      static_cast<std::uint64_t>(std::chrono::duration_cast<std::chrono::microseconds>(now - begun_).count());
  stage_ = Stage::idle;
  schedule(std::max(now, begun_ + (again_ ? soonest : std::max(interval_, soonest))));
  if (connection_) {
    connection_->watch([weak = weak_from_this()] {
      if (const auto self = weak.lock()) self->probe_soon();
    });
  }
  const auto keep_alive = shared_from_this();  // on_result may stop us
  on_result_(observation_, begun_);
}

}  // namespace sluice::failover
