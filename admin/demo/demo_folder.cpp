#include "admin/demo/demo_folder.hpp"

#include <array>

#include "admin/demo/error.hpp"
#include "admin/demo/files.hpp"
#include "admin/demo/shell_word.hpp"

namespace sluice::demo {
namespace {

constexpr const char* mark = ".sluice-demo";

// Everything that a demo ever writes at the top of its folder, besides the mark.
constexpr std::array contents{
    "nodes",     "proxy",     "secrets",     "template",   "template.new", "template.new.log", "template.new.tmp",
    "mysql-5.6", "demo.conf", "sluice.toml", "client.cnf", "admin.cnf",    "cluster.conf",     "lock"};

fs::path absolute_path(const fs::path& dir) {
  fs::path path = fs::absolute(dir).lexically_normal();
  return path.has_filename() ? path : path.parent_path();  // without a slash at the end
}

[[noreturn]] void refuse(const fs::path& path) {
  throw DemoError(path.string() +
                  " is not the folder of a sluice demo: nothing in it was touched. Name another --dir.");
}

}  // namespace

DemoFolder DemoFolder::make(const fs::path& dir) {
  DemoFolder folder(absolute_path(dir));
  if (fs::exists(folder.path_) && !fs::is_directory(folder.path_)) refuse(folder.path_);
  if (!fs::exists(folder.path_ / mark)) {
    if (fs::exists(folder.path_) && !fs::is_empty(folder.path_)) refuse(folder.path_);
    fs::create_directories(folder.path_);
    write_file(folder.path_ / mark, "sluice demo 1\n", 0644);
  }
  return folder;
}

std::optional<DemoFolder> DemoFolder::find(const fs::path& dir) {
  DemoFolder folder(absolute_path(dir));
  if (!fs::exists(folder.path_)) return std::nullopt;
  if (!fs::is_directory(folder.path_)) refuse(folder.path_);
  if (fs::is_empty(folder.path_)) return std::nullopt;
  if (!fs::exists(folder.path_ / mark)) refuse(folder.path_);
  return folder;
}

bool DemoFolder::remove() const {
  for (const char* name : contents) {
    fs::remove_all(path_ / name);
    fs::remove_all(path_ / (std::string(name) + ".new"));  // a draft that a killed `up` left
  }
  fs::remove(path_ / mark);
  fs::remove(path_ / (std::string(mark) + ".new"));
  std::error_code not_empty;
  return fs::remove(path_, not_empty);
}

// By its path, since this program need not be in PATH.
std::string DemoFolder::down_command() const {
  return shell_word(fs::read_symlink("/proc/self/exe").string()) + " demo down --dir " + shell_word(path_.string());
}

}  // namespace sluice::demo
