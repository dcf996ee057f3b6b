#include "admin/demo/passwords.hpp"

#include "admin/demo/files.hpp"

namespace sluice::demo {

fs::path password_file(const fs::path& folder, const std::string& name) {
  return folder / "secrets" / (name + ".password");
}

std::string password(const fs::path& folder, const std::string& name) {
  const fs::path file = password_file(folder, name);
  if (auto text = read_file(file)) {
    while (text->ends_with('\n')) text->pop_back();
    if (!text->empty()) return *text;
  }
  make_folder(folder / "secrets", 0700);
  std::string made = random_password();
  write_file(file, made + "\n", 0600);
  return made;
}

Passwords cluster_passwords(const fs::path& folder) {
  return {.root = password(folder, "root"),
          .replication = password(folder, "replication"),
          .monitor = password(folder, "monitor"),
          .manager = password(folder, "manager"),
          .app = password(folder, "app")};
}

}  // namespace sluice::demo
