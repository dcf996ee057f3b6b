#include "failover/monitor/driver_connection.hpp"

#include <errmsg.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <algorithm>
#include <boost/asio/post.hpp>
#include <cassert>
#include <utility>

namespace sluice::failover {
namespace {

namespace asio = boost::asio;

// Bounds on what a peer may make us keep. The longest honest answer is a GTID set.
constexpr unsigned long packet_bytes_max = 4UL << 20;
constexpr std::size_t kept_bytes_max = 8UL << 20;
constexpr std::size_t rows_max = 256;
constexpr std::size_t tables_max = 4;
// The driver's default of 60 KiB is tight for loading an authentication plugin and for TLS.
constexpr std::size_t call_stack_bytes = 256UL << 10;
// How long one read of a TLS handshake may block the thread.
constexpr std::chrono::milliseconds handshake_wait_max{250};
// Methods that neither ask on the terminal nor send the password as it is.
constexpr const char* auth_plugins_allowed =
    "mysql_native_password,client_ed25519,caching_sha2_password,sha256_password,parsec";

}  // namespace

DriverConnection::DriverConnection(asio::io_context& io) : io_(io), descriptor_(io), deadline_(io) {}

// NOLINTNEXTLINE(bugprone-exception-escape): cancelling a timer does not throw with epoll
DriverConnection::~DriverConnection() { close(); }

void DriverConnection::connect(ConnectTarget target, std::chrono::milliseconds timeout, Done done) {
  assert(mysql_ == nullptr);
  target_ = std::move(target);
  connect_timeout_ = timeout;
  mysql_ = mysql_init(nullptr);
  if (mysql_ != nullptr) set_options();
  begin(Call::connect, timeout, std::move(done));
}

void DriverConnection::query(std::string sql, std::chrono::milliseconds timeout, Done done) {
  sql_ = std::move(sql);
  tables_.clear();
  kept_bytes_ = 0;
  begin(Call::query, timeout, std::move(done));
}

void DriverConnection::watch(std::function<void()> on_readable) {
  assert(call_ == Call::none);
  if (!watch_socket()) return;
  descriptor_.async_wait(asio::posix::stream_descriptor::wait_read,
                         [weak = weak_from_this(), wait = ++wait_,
                          on_readable = std::move(on_readable)](const boost::system::error_code& error) {
                           const auto self = weak.lock();
                           if (!error && self && self->wait_ == wait) on_readable();
                         });
}

void DriverConnection::close() {
  ++operation_;
  ++wait_;
  done_ = nullptr;
  deadline_.cancel();
  give_up_call();
  call_ = Call::none;
  boost::system::error_code ignored;
  (void)descriptor_.close(ignored);
  watched_socket_ = -1;
  if (mysql_ == nullptr) return;
  // What follows may only take leave: a driver that reads (the rest of a result, the end of TLS) finds the end at once.
  const auto socket = mysql_get_socket(mysql_);
  if (socket >= 0) ::shutdown(socket, SHUT_RD);
  if (result_ != nullptr) mysql_free_result(std::exchange(result_, nullptr));
  mysql_close(std::exchange(mysql_, nullptr));
}

std::string DriverConnection::server_version() const {
  const char* text = mysql_get_server_info(mysql_);
  return text != nullptr ? text : std::string();
}

std::uint64_t DriverConnection::server_capabilities() const {
  unsigned long lower = 0;
  unsigned long upper = 0;
  mariadb_get_infov(mysql_, MARIADB_CONNECTION_SERVER_CAPABILITIES, &lower);
  // Only a server that leaves CLIENT_MYSQL unset has extended capabilities.
  if ((lower & CLIENT_MYSQL) == 0) mariadb_get_infov(mysql_, MARIADB_CONNECTION_EXTENDED_SERVER_CAPABILITIES, &upper);
  return (std::uint64_t{upper} << 32) | (lower & 0xffffffffUL);
}

void DriverConnection::begin(Call call, std::chrono::milliseconds timeout, Done done) {
  assert(call_ == Call::none && !suspended_);
  done_ = std::move(done);
  call_ = call;
  ++wait_;
  if (watched_socket_ >= 0) descriptor_.cancel();  // an idle watch
  const auto operation = ++operation_;
  if (mysql_ == nullptr) return finish(own_error("out of memory"));
  deadline_.expires_after(timeout);
  deadline_.async_wait([weak = weak_from_this(), operation, timeout](const boost::system::error_code& error) {
    const auto self = weak.lock();
    if (!error && self && self->operation_ == operation) self->fail_timed_out(timeout);
  });
  run(drive());
}

void DriverConnection::set_options() {
  mysql_options(mysql_, MYSQL_OPT_NONBLOCK, &call_stack_bytes);
  mysql_options(mysql_, MYSQL_SET_CHARSET_NAME, "utf8mb4");
  mysql_options(mysql_, MYSQL_OPT_MAX_ALLOWED_PACKET, &packet_bytes_max);
  mysql_options(mysql_, MARIADB_OPT_RESTRICTED_AUTH, auth_plugins_allowed);
  const unsigned no_local_files = 0;
  mysql_options(mysql_, MYSQL_OPT_LOCAL_INFILE, &no_local_files);
  const unsigned protocol = target_.host.empty() ? MYSQL_PROTOCOL_SOCKET : MYSQL_PROTOCOL_TCP;
  mysql_options(mysql_, MYSQL_OPT_PROTOCOL, &protocol);
  const my_bool tls = target_.tls ? 1 : 0;
  const my_bool verify = 0;
  mysql_options(mysql_, MYSQL_OPT_SSL_ENFORCE, &tls);
  // Only for the handshake, which polls this long (taken for milliseconds) after a read that took too long; 0: for
  // ever.
  const unsigned handshake_poll = 1;
  if (target_.tls) mysql_options(mysql_, MYSQL_OPT_CONNECT_TIMEOUT, &handshake_poll);
  mysql_options(mysql_, MYSQL_OPT_SSL_VERIFY_SERVER_CERT, &verify);
  mysql_optionsv(mysql_, MYSQL_OPT_CONNECT_ATTR_ADD, "program_name", "sluice monitor");
}

int DriverConnection::start_connect() {
  const bool by_socket = target_.host.empty();
  return mysql_real_connect_start(&connected_, mysql_, by_socket ? nullptr : target_.host.c_str(), target_.user.c_str(),
                                  target_.password.c_str(), nullptr, target_.port,
                                  by_socket ? target_.unix_path.c_str() : nullptr,
                                  CLIENT_MULTI_STATEMENTS | CLIENT_MULTI_RESULTS);
}

int DriverConnection::drive(std::optional<int> events) {
  int waits_for = 0;
  switch (call_) {
    case Call::connect:
      waits_for = events ? mysql_real_connect_cont(&connected_, mysql_, *events) : start_connect();
      break;
    case Call::query:
      waits_for = events ? mysql_real_query_cont(&status_, mysql_, *events)
                         : mysql_real_query_start(&status_, mysql_, sql_.data(), sql_.size());
      break;
    case Call::fetch_row:
      waits_for = events ? mysql_fetch_row_cont(&row_, result_, *events) : mysql_fetch_row_start(&row_, result_);
      break;
    case Call::next_result:
      waits_for =
          events ? mysql_next_result_cont(&status_, mysql_, *events) : mysql_next_result_start(&status_, mysql_);
      break;
    case Call::none:
      assert(false);
      break;
  }
  suspended_ = waits_for != 0;
  return waits_for;
}

void DriverConnection::run(int waits_for) {
  while (waits_for == 0) {
    if (!next_call()) return;
    waits_for = drive();
  }
  wait(waits_for);
}

bool DriverConnection::next_call() {
  switch (call_) {
    case Call::connect:
      if (connected_ != nullptr && target_.tls) leave_blocking_mode();
      return end(connected_ != nullptr ? DriverError{} : driver_error());
    case Call::query:
      return status_ == 0 ? open_result() : end(driver_error());
    case Call::fetch_row:
      if (row_ != nullptr) return keep_row();
      // After the last row, or an error in place of one, there is nothing to read: no network.
      mysql_free_result(std::exchange(result_, nullptr));
      if (mysql_errno(mysql_) != 0) return end(driver_error());
      call_ = Call::next_result;
      return true;
    case Call::next_result:
      if (status_ == 0) return open_result();
      return end(status_ > 0 ? driver_error() : DriverError{});
    case Call::none:
      break;
  }
  assert(false);
  return false;
}

bool DriverConnection::end(DriverError error) {
  finish(std::move(error));
  return false;
}

// A statement's answer has begun: a table, or an OK without one.
bool DriverConnection::open_result() {
  if (tables_.size() == tables_max) return end(own_error("the server sends more results than were asked for"));
  tables_.emplace_back();
  result_ = mysql_use_result(mysql_);
  if (result_ == nullptr && mysql_field_count(mysql_) != 0) return end(driver_error());
  if (result_ != nullptr) keep_columns();
  call_ = result_ != nullptr ? Call::fetch_row : Call::next_result;
  return true;
}

void DriverConnection::keep_columns() {
  const auto* fields = mysql_fetch_fields(result_);
  for (unsigned i = 0; i < mysql_num_fields(result_); ++i) {
    tables_.back().columns.emplace_back(fields[i].name != nullptr ? fields[i].name : "");
    kept_bytes_ += tables_.back().columns.back().size();
  }
}

bool DriverConnection::keep_row() {
  const auto columns = mysql_num_fields(result_);
  const auto* lengths = mysql_fetch_lengths(result_);
  auto& rows = tables_.back().rows;
  auto& row = rows.emplace_back();
  for (unsigned i = 0; i < columns; ++i) {
    if (row_[i] != nullptr) {
      row.emplace_back(std::string(row_[i], lengths[i]));
      kept_bytes_ += lengths[i];
    } else {
      row.emplace_back(std::nullopt);
    }
  }
  if (rows.size() <= rows_max && kept_bytes_ <= kept_bytes_max) return true;
  return end(own_error("the server's answer is too large"));
}

void DriverConnection::wait(int waits_for) {
  if (!watch_socket()) {
    give_up_call();
    return finish(own_error("no descriptor left to watch the connection"));
  }
  const auto on_ready = [this, wait = ++wait_, waits_for](int event) {
    return [weak = weak_from_this(), wait, waits_for, event](const boost::system::error_code& error) {
      const auto self = weak.lock();
      if (error || !self || self->wait_ != wait) return;
      ++self->wait_;
      if (!self->is_ready(event)) return self->wait(waits_for);
      self->run(self->drive(event));
    };
  };
  using Descriptor = asio::posix::stream_descriptor;
  if ((waits_for & MYSQL_WAIT_READ) != 0) descriptor_.async_wait(Descriptor::wait_read, on_ready(MYSQL_WAIT_READ));
  if ((waits_for & MYSQL_WAIT_WRITE) != 0) descriptor_.async_wait(Descriptor::wait_write, on_ready(MYSQL_WAIT_WRITE));
  // MYSQL_WAIT_TIMEOUT is the driver's own clock, which is not set; MYSQL_WAIT_EXCEPT is asked for on Windows only.
}

// An event of the connection before, fetched already when that was closed, is told to the one that took its place in
// the reactor. The driver would take it for the end of its connect(2), and a refusal that is yet to come for a loss.
bool DriverConnection::is_ready(int event) {
  pollfd socket{descriptor_.native_handle(), static_cast<short>(event == MYSQL_WAIT_READ ? POLLIN : POLLOUT), 0};
  return ::poll(&socket, 1, 0) != 0;
}

bool DriverConnection::watch_socket() {
  const int socket = mysql_ != nullptr ? mysql_get_socket(mysql_) : -1;
  if (socket < 0) return false;
  if (socket == watched_socket_ && descriptor_.is_open()) return true;
  boost::system::error_code error;
  (void)descriptor_.close(error);
  watched_socket_ = -1;
  ::fcntl(socket, F_SETFD, FD_CLOEXEC);
  // Not F_DUPFD_CLOEXEC: ThreadSanitizer does not see fcntl(2) make a descriptor, nor a worker's ring close one, and
  // would take the worker that had this number before for one that still has it. Only this thread forks.
  const int duplicate = ::dup(socket);
  if (duplicate < 0) return false;
  ::fcntl(duplicate, F_SETFD, FD_CLOEXEC);
  (void)descriptor_.assign(duplicate, error);
  if (error) {
    ::close(duplicate);
    return false;
  }
  watched_socket_ = socket;
  if (target_.tls) bound_blocking_calls(socket);
  return true;
}

void DriverConnection::bound_blocking_calls(int socket) const {
  const auto ms = std::min(connect_timeout_, handshake_wait_max).count();
  const timeval bound{static_cast<time_t>(ms / 1000), static_cast<suseconds_t>(ms % 1000 * 1000)};
  ::setsockopt(socket, SOL_SOCKET, SO_RCVTIMEO, &bound, sizeof bound);
  ::setsockopt(socket, SOL_SOCKET, SO_SNDTIMEO, &bound, sizeof bound);
}

void DriverConnection::leave_blocking_mode() {
  const int socket = mysql_get_socket(mysql_);
  if (socket >= 0) ::fcntl(socket, F_SETFL, ::fcntl(socket, F_GETFL) | O_NONBLOCK);
}

// The result is told from the io_context: whoever began the operation is not called back before it returns.
void DriverConnection::finish(DriverError error) {
  deadline_.cancel();
  call_ = Call::none;
  const auto operation = ++operation_;
  asio::post(io_, [weak = weak_from_this(), operation, error = std::move(error)] {
    const auto self = weak.lock();
    if (!self || self->operation_ != operation) return;
    const auto done = std::exchange(self->done_, nullptr);
    done(error);
  });
}

void DriverConnection::fail_timed_out(std::chrono::milliseconds timeout) {
  DriverError error;
  error.timed_out = true;
  error.text = std::string(call_ == Call::connect ? "no connection" : "no answer") + " within " +
               std::to_string(timeout.count()) + " ms";
  give_up_call();
  finish(std::move(error));
}

void DriverConnection::give_up_call() {
  ++wait_;
  if (!suspended_) return;
  const auto socket = mysql_get_socket(mysql_);
  if (socket >= 0) ::shutdown(socket, SHUT_RDWR);
  // Every resumption ends with an error inside the driver; the bound guards against one that never gives in.
  for (int tries = 0; suspended_ && tries < 100; ++tries) drive(MYSQL_WAIT_TIMEOUT);
  assert(!suspended_);
}

DriverError DriverConnection::driver_error() const {
  DriverError error;
  error.code = mysql_errno(mysql_);
  error.text = mysql_error(mysql_);
  if (error.code == 0) error = own_error("the driver failed without telling why");
  return error;
}

DriverError DriverConnection::own_error(std::string text) {
  DriverError error;
  error.code = CR_UNKNOWN_ERROR;
  error.text = std::move(text);
  return error;
}

}  // namespace sluice::failover
