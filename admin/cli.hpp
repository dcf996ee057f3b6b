// The command line: which subcommand, with which options. The work is elsewhere.
//
// Flow: `return run_command_line(argc, argv);`
#pragma once

namespace sluice::admin {

[[nodiscard]] int run_command_line(int argc, char** argv);

}  // namespace sluice::admin
