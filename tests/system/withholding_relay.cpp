#include "system/withholding_relay.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <stdexcept>

#include "support/relay_loop.hpp"

namespace sluice::test {
namespace {

constexpr std::size_t header_size = 4;
constexpr char query = 3;  // COM_QUERY
// Of a client's handshake response: capabilities, the longest packet, character set, zeros; then its name.
constexpr std::size_t before_user = header_size + 4 + 4 + 1 + 23;

sockaddr_in loopback(std::uint16_t port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return address;
}

// What only looks, or is about the session alone, leaves the server as it was. Waiting for a position is a step, too.
bool is_step(std::string_view statement) {
  const bool looks =
      statement.starts_with("SELECT") || statement.starts_with("SHOW") || statement.starts_with("SET SESSION");
  return !looks || statement.find("_WAIT(") != std::string_view::npos ||
         statement.find("WAIT_UNTIL") != std::string_view::npos;
}

std::string_view statement_of(std::string_view packet) {
  if (packet.size() <= header_size || packet[header_size] != query) return {};
  return packet.substr(header_size + 1);
}

void send_all(int fd, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t sent = ::send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent <= 0) return;  // whoever reads there will find out
    bytes.remove_prefix(static_cast<std::size_t>(sent));
  }
}

}  // namespace

void Withholding::arm(Part part, std::size_t nth) {
  const std::lock_guard lock(mutex_);
  armed_ = true;
  part_ = part;
  before_ = nth;
  reached_.reset();
}

void Withholding::disarm() {
  const std::lock_guard lock(mutex_);
  armed_ = false;
}

std::optional<std::string> Withholding::reached() const {
  const std::lock_guard lock(mutex_);
  return reached_;
}

std::optional<Withholding::Part> Withholding::of(std::string_view statement) {
  const std::lock_guard lock(mutex_);
  if (!armed_ || !is_step(statement)) return std::nullopt;
  if (before_ > 0) {
    --before_;
    return std::nullopt;
  }
  armed_ = false;
  return part_;
}

void Withholding::reach(std::string statement) {
  const std::lock_guard lock(mutex_);
  reached_ = std::move(statement);
}

WithholdingRelay::WithholdingRelay(Withholding& withholding, std::uint16_t server)
    : withholding_(withholding), server_(server), wake_(::eventfd(0, EFD_CLOEXEC)) {
  listener_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address = loopback(0);
  socklen_t size = sizeof address;
  if (::bind(listener_, reinterpret_cast<const sockaddr*>(&address), size) != 0 || ::listen(listener_, 64) != 0 ||
      ::getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size) != 0)
    throw std::runtime_error("a relay has no port");
  port_ = ntohs(address.sin_port);
  thread_ = std::thread([this] { run(); });
}

WithholdingRelay::~WithholdingRelay() {
  const std::uint64_t one = 1;
  [[maybe_unused]] const auto written = ::write(wake_, &one, sizeof one);
  thread_.join();
  for (auto& link : links_) close_link(link);
  ::close(listener_);
  ::close(wake_);
}

void WithholdingRelay::run() {
  relay_until_woken(
      wake_, listener_, links_, [this](Link& link, bool up) { return up ? pass_up(link) : pass_down(link); },
      [this] { accept_one(); });
}

void WithholdingRelay::accept_one() {
  Link link;
  link.client = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
  if (link.client < 0) return;
  link.server = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const sockaddr_in address = loopback(server_);
  if (::connect(link.server, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) return close_link(link);
  const int on = 1;
  for (const int fd : {link.client, link.server}) ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  links_.push_back(link);
}

// False: the link is over.
bool WithholdingRelay::pass_up(Link& link) {
  std::array<char, 65536> bytes{};
  const ssize_t n = ::recv(link.client, bytes.data(), bytes.size(), 0);
  if (n <= 0) return false;
  const std::string_view got(bytes.data(), static_cast<std::size_t>(n));
  if (!link.logged_on) {
    link.logged_on = true;
    const auto name = got.substr(std::min(before_user, got.size()));
    link.watched = name.substr(0, name.find('\0')) == withholding_.user_;
  } else if (link.watched) {
    const auto statement = statement_of(got);
    const auto part = statement.empty() ? std::nullopt : withholding_.of(statement);
    if (part == Withholding::Part::answer) link.awaited = statement;
    if (part == Withholding::Part::statement) {
      link.silent = true;
      withholding_.reach(std::string(statement));
    }
  }
  if (!link.silent) send_all(link.server, got);
  return true;
}

bool WithholdingRelay::pass_down(Link& link) {
  std::array<char, 65536> bytes{};
  const ssize_t n = ::recv(link.server, bytes.data(), bytes.size(), 0);
  if (n <= 0) return false;
  if (!link.awaited.empty()) {
    link.silent = true;
    withholding_.reach(std::exchange(link.awaited, {}));
  }
  if (!link.silent) send_all(link.client, {bytes.data(), static_cast<std::size_t>(n)});
  return true;
}

}  // namespace sluice::test
