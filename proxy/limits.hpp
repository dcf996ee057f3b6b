// Every bound of the data path, with its default. The names are those of the [limits] table of the configuration; the
// reference in docs/configuration.md is checked against them.
#pragma once

#include <cstddef>
#include <cstdint>

namespace sluice::proxy {

struct Limits {
  std::uint32_t clients_max = 20'000;                // client connections of the process
  std::uint32_t backend_connections_max = 100;       // to one server for one user, all workers together
  std::uint32_t login_timeout_ms = 10'000;           // from accept to the end of authentication
  std::uint32_t hold_max_ms = 10'000;                // a statement waits this long for a leader
  std::uint32_t server_kills_max = 256;              // KILLs on their way to servers, in one worker
  std::uint32_t hold_clients_max = 10'000;           // statements waiting for a leader, in one worker
  std::uint32_t release_batch_max = 64;              // of them let go in a turn of a worker when the gate opens
  std::uint32_t pool_wait_max_ms = 30'000;           // a statement waits this long for a server connection
  std::uint32_t backend_connect_timeout_ms = 2'000;  // connect and log on to a server
  std::uint32_t backend_idle_max_ms = 60'000;        // an unused server connection is closed
  std::uint32_t backend_age_max_ms = 1'800'000;      // an older one is closed when it is given back; 0: at any age
  std::uint64_t client_idle_max_ms = 28'800'000;     // a silent client is disconnected (MariaDB's wait_timeout)
  std::uint32_t half_closed_max_ms = 2'000;          // a client that shut its side, or is gone, is served on
  std::size_t client_queue_max = 256 * 1024;         // bytes of results queued for a slow client before we stop reading
  std::size_t pipeline_max = 256 * 1024;             // bytes of commands a client may send ahead
  std::size_t inspect_max = 1024 * 1024;             // a longer statement is not looked into: leader, pinned
  std::size_t refused_reads_max = 1024;              // shapes of views that write, known to one worker
  std::size_t diagnostics_per_client_max = 16 * 1024;  // bytes of warnings kept for a client; 0: none are
  std::size_t packet_max = 1ULL << 30;                 // longest command; the server's max_allowed_packet still applies
  std::uint32_t statements_per_client_max = 16'382;    // prepared statements (the server's default bound)
  std::size_t statement_text_per_client_max = 4U << 20;  // bytes of their texts
  // Prepared on one server connection before the oldest is closed. Times backend_connections_max it stays under the
  // servers' own bound (max_prepared_stmt_count, 16,382), over which clients would get error 1461.
  std::uint32_t statements_per_backend_max = 160;
  std::size_t worker_memory_max = 256U << 20;  // bytes in network buffers, per worker
  std::uint32_t drain_max_ms = 10'000;         // at SIGTERM open transactions may go on this long
};

}  // namespace sluice::proxy
