// Ids of sessions, as clients are greeted with them. Servers count their threads up from 1, so sessions are numbered
// far from there: whoever says an id in a KILL means either a session or a thread of a server, never one for the other.
// They fit in what clients keep in 32 bits with a sign.
#pragma once

#include <cstdint>

namespace sluice::proxy {

constexpr std::uint32_t session_id_first = std::uint32_t{1} << 30;
constexpr std::uint32_t session_id_last = (std::uint32_t{1} << 31) - 1;

[[nodiscard]] constexpr bool is_session_id(std::uint64_t id) { return id >= session_id_first && id <= session_id_last; }

// The worker on which that session lives.
[[nodiscard]] constexpr std::uint32_t worker_of(std::uint32_t session_id, std::uint32_t workers) {
  return (session_id - session_id_first) % workers;
}

// Numbers the sessions of one worker. Ids come round again after all have been given.
class SessionIds {
 public:
  SessionIds(std::uint32_t worker, std::uint32_t workers)
      : worker_(worker), workers_(workers), count_((session_id_last - session_id_first + 1) / workers) {}

  // `in_use(id)`: it may not be given now. Not all of them may be in use.
  template <class InUse>
  [[nodiscard]] std::uint32_t next(InUse in_use) {
    std::uint32_t id = 0;
    do {
      id = session_id_first + (next_ * workers_) + worker_;
      next_ = (next_ + 1) % count_;
    } while (in_use(id));
    return id;
  }

 private:
  std::uint32_t worker_;
  std::uint32_t workers_;
  std::uint32_t count_;  // of ids that are this worker's
  std::uint32_t next_ = 0;
};

}  // namespace sluice::proxy
