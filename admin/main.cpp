// The binary `sluice`. It lives on the top floor because only that floor may see all the others.
#include "admin/cli.hpp"

int main(int argc, char** argv) { return sluice::admin::run_command_line(argc, argv); }
