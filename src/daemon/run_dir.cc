// SPDX-License-Identifier: GPL-2.0-or-later
#include "lvsd/daemon/run_dir.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <stdexcept>
#include <system_error>

namespace lvsd {
namespace {

[[noreturn]] void refuse(int error, const std::string& what) {
  throw std::system_error(error, std::generic_category(), what);
}

// What the holder wrote, digits only.
std::string holder(int lock) {
  std::array<char, 16> text{};
  const ssize_t size = ::pread(lock, text.data(), text.size(), 0);
  std::string pid;
  for (ssize_t i = 0; i < size && text[static_cast<std::size_t>(i)] >= '0' &&
                      text[static_cast<std::size_t>(i)] <= '9';
       ++i) {
    pid += text[static_cast<std::size_t>(i)];
  }
  return pid.empty() ? "another lvsd" : "lvsd with pid " + pid;
}

}  // namespace

RunDir::RunDir(std::string path) : path_(std::move(path)) {
  if (::mkdir(path_.c_str(), 0755) != 0 && errno != EEXIST) {
    refuse(errno, "cannot create run directory " + path_);
  }
  const std::string file = path_ + "/lvsd.lock";
  lock_ = ::open(file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0644);
  if (lock_ < 0) refuse(errno, "cannot open " + file);
  if (::flock(lock_, LOCK_EX | LOCK_NB) != 0) {
    const int error = errno;
    const std::string who = holder(lock_);
    ::close(lock_);
    if (error != EWOULDBLOCK) refuse(error, "cannot lock " + file);
    throw std::runtime_error("run directory " + path_ + " is in use by " + who +
                             "; give each daemon its own --run-dir");
  }
  const std::string pid = std::to_string(::getpid()) + "\n";
  if (::ftruncate(lock_, 0) != 0 ||
      ::pwrite(lock_, pid.data(), pid.size(), 0) != static_cast<ssize_t>(pid.size())) {
    const int error = errno;
    ::close(lock_);
    refuse(error, "cannot write " + file);
  }
}

RunDir::~RunDir() {
  ::close(lock_);
}  // the file stays: removing it would race with the next holder

}  // namespace lvsd
