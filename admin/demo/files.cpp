#include "admin/demo/files.hpp"

#include <fcntl.h>
#include <pwd.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <deque>
#include <fstream>
#include <sstream>

#include "admin/demo/error.hpp"
#include "admin/demo/wait.hpp"

namespace sluice::demo {
namespace {

[[noreturn]] void fail(const std::string& what, const fs::path& path) {
  throw DemoError(what + " " + path.string() + ": " + std::strerror(errno));
}

void give_to(const fs::path& path, const std::optional<RunAs>& owner) {
  if (owner && ::lchown(path.c_str(), owner->uid, owner->gid) != 0) fail("cannot change the owner of", path);
}

bool may_pass(const struct stat& folder, const RunAs& account) {
  if (folder.st_uid == account.uid) return (folder.st_mode & S_IXUSR) != 0;
  if (folder.st_gid == account.gid) return (folder.st_mode & S_IXGRP) != 0;
  return (folder.st_mode & S_IXOTH) != 0;
}

bool may_reach(const fs::path& path, const RunAs& account) {
  for (fs::path folder = fs::absolute(path).lexically_normal();; folder = folder.parent_path()) {
    struct stat info{};
    if (::stat(folder.c_str(), &info) == 0 && !may_pass(info, account)) return false;
    if (folder == folder.root_path()) return true;
  }
}

}  // namespace

void write_file(const fs::path& path, std::string_view text, unsigned mode) {
  const fs::path draft = path.string() + ".new";
  fs::remove(draft);
  const UniqueFd fd(::open(draft.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
  if (!fd) fail("cannot write", draft);
  while (!text.empty()) {
    const auto written = ::write(fd.get(), text.data(), text.size());
    if (written < 0) fail("cannot write", draft);
    text.remove_prefix(static_cast<std::size_t>(written));
  }
  if (::fchmod(fd.get(), mode) != 0 || ::rename(draft.c_str(), path.c_str()) != 0) fail("cannot write", path);
}

std::optional<std::string> read_file(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) return std::nullopt;
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

std::string tail(const fs::path& path, std::size_t lines, std::uintmax_t from) {
  std::ifstream file(path);
  file.seekg(static_cast<std::streamoff>(from));
  std::deque<std::string> last;
  for (std::string line; std::getline(file, line);) {
    last.push_back(line);
    if (last.size() > lines) last.pop_front();
  }
  std::string text;
  for (const auto& line : last) text += "  " + line + "\n";
  return text;
}

void make_folder(const fs::path& path, unsigned mode, const std::optional<RunAs>& owner) {
  if (::mkdir(path.c_str(), 0700) != 0 && errno != EEXIST) fail("cannot make the folder", path);
  give_to(path, owner);
  if (::chmod(path.c_str(), mode) != 0) fail("cannot set the mode of", path);
}

void copy_tree(const fs::path& from, const fs::path& to, const std::optional<RunAs>& owner) {
  std::error_code error;
  fs::copy(from, to, fs::copy_options::recursive, error);
  if (error) throw DemoError("cannot copy " + from.string() + " to " + to.string() + ": " + error.message());
  give_to(to, owner);
  for (const auto& entry : fs::recursive_directory_iterator(to)) {
    give_to(entry.path(), owner);
    const unsigned mode = entry.is_directory() ? 0700 : 0600;
    if (::chmod(entry.path().c_str(), mode) != 0) fail("cannot set the mode of", entry.path());
  }
}

std::string random_password() {
  constexpr std::string_view letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-";
  static_assert(letters.size() == 64);  // so that no letter is likelier than another
  std::array<unsigned char, 24> bytes{};
  if (::getrandom(bytes.data(), bytes.size(), 0) != static_cast<ssize_t>(bytes.size())) {
    throw DemoError(std::string("no random bytes: ") + std::strerror(errno));
  }
  std::string password;
  for (const auto byte : bytes) password += letters[byte % letters.size()];
  return password;
}

KeyValues read_key_values(const fs::path& path) {
  KeyValues values;
  std::ifstream file(path);
  for (std::string line; std::getline(file, line);) {
    const auto equals = line.find('=');
    if (line.starts_with('#') || equals == std::string::npos) continue;
    values[line.substr(0, equals)] = line.substr(equals + 1);
  }
  return values;
}

void write_key_values(const fs::path& path, const KeyValues& values) {
  std::string text = "# written by sluice demo; remove the demo with `sluice demo down`, not by hand\n";
  for (const auto& [key, value] : values) text.append(key).append("=").append(value).append("\n");
  write_file(path, text, 0644);
}

std::optional<RunAs> server_account(std::initializer_list<fs::path> folders) {
  if (::geteuid() != 0) return std::nullopt;
  for (const char* name : {"mysql", "nobody"}) {
    passwd account{};
    passwd* found = nullptr;
    std::array<char, 16 * 1024> text{};  // of its fields; longer ones make it as good as unknown
    if (::getpwnam_r(name, &account, text.data(), text.size(), &found) != 0 || found == nullptr) continue;
    const RunAs run_as{account.pw_uid, account.pw_gid};
    if (std::ranges::all_of(folders, [&](const fs::path& folder) { return may_reach(folder, run_as); })) return run_as;
  }
  return std::nullopt;
}

FolderLock::FolderLock(const fs::path& folder, std::chrono::milliseconds bound)
    : fd_(::open((folder / "lock").c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644)) {
  if (!fd_) fail("cannot open", folder / "lock");
  if (await([&] { return ::flock(fd_.get(), LOCK_EX | LOCK_NB) == 0; }, bound)) return;
  throw DemoError("another command is working on " + folder.string() + ": wait for it, or end it");
}

}  // namespace sluice::demo
