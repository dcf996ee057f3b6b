// A link to a real server that goes silent at one statement of one account: the statement does not arrive, or it does
// and its answer does not. All else passes.
//
// Flow: one `Withholding` for all links, `WithholdingRelay link(withholding, real_port);` for each server, and
// `link.port()` instead of the server's; `withholding.arm(Withholding::Part::answer, 3)`: of the fourth statement that
// changes something, on whichever link it comes; `withholding.reached()` tells which that was. `disarm()`: links that
// are made later pass all.
//
// A statement of that account is what one read gives: who sends it waits for its answer before the next one.
#pragma once

#include <cstdint>
#include <list>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <thread>

namespace sluice::test {

class Withholding {
 public:
  enum class Part : std::uint8_t { statement, answer };

  explicit Withholding(std::string user) : user_(std::move(user)) {}

  void arm(Part part, std::size_t nth);
  void disarm();
  // The statement that is withheld, or the one whose answer is; nullopt: it did not come yet.
  [[nodiscard]] std::optional<std::string> reached() const;

 private:
  friend class WithholdingRelay;
  // What is to be withheld of this statement.
  [[nodiscard]] std::optional<Part> of(std::string_view statement);
  void reach(std::string statement);

  const std::string user_;
  mutable std::mutex mutex_;  // of what follows
  bool armed_ = false;
  Part part_ = Part::statement;
  std::size_t before_ = 0;  // statements that still pass
  std::optional<std::string> reached_;
};

class WithholdingRelay {
 public:
  WithholdingRelay(Withholding& withholding, std::uint16_t server);
  ~WithholdingRelay();
  WithholdingRelay(const WithholdingRelay&) = delete;
  WithholdingRelay& operator=(const WithholdingRelay&) = delete;

  [[nodiscard]] std::uint16_t port() const { return port_; }

 private:
  struct Link {
    int client = -1;
    int server = -1;
    bool logged_on = false;  // the client has said who it is
    bool watched = false;    // it is the account
    bool silent = false;     // nothing passes any more
    std::string awaited;     // the statement whose answer makes it silent
  };

  void run();
  void accept_one();
  [[nodiscard]] bool pass_up(Link& link);
  [[nodiscard]] bool pass_down(Link& link);

  Withholding& withholding_;
  std::uint16_t server_;
  std::uint16_t port_ = 0;
  int listener_ = -1;
  int wake_ = -1;
  std::list<Link> links_;
  std::thread thread_;
};

}  // namespace sluice::test
