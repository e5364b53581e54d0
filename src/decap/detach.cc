// SPDX-License-Identifier: GPL-2.0-or-later
#include "decap/detach.h"

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <filesystem>
#include <fstream>
#include <system_error>

namespace lvsd::decap {

Detached::Detached(std::string pid_file) : pid_file_(std::move(pid_file)) {
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) {
    throw std::system_error(errno, std::generic_category(), "cannot make a pipe");
  }
  const FileDescriptor reader(ends[0]);
  parent_ = FileDescriptor(ends[1]);
  const pid_t child = ::fork();
  if (child < 0) throw std::system_error(errno, std::generic_category(), "cannot fork");
  if (child == 0) {
    ::setsid();
    return;
  }
  parent_.reset();
  char word = 0;
  ssize_t got = 0;
  do {
    got = ::read(reader.get(), &word, 1);
  } while (got < 0 && errno == EINTR);
  ::_exit(got == 1 ? 0 : 1);  // what went wrong was printed by the child
}

Detached::~Detached() {
  std::error_code error;
  if (written_) std::filesystem::remove(pid_file_, error);
}

void Detached::ready() {
  const std::filesystem::path path(pid_file_);
  std::error_code error;
  if (path.has_parent_path()) std::filesystem::create_directories(path.parent_path(), error);
  std::ofstream file(path, std::ios::trunc);
  file << ::getpid() << '\n' << std::flush;
  if (!file) throw std::system_error(errno, std::generic_category(), "cannot write " + pid_file_);
  written_ = true;
  const FileDescriptor null(::open("/dev/null", O_RDWR | O_CLOEXEC));
  for (const int fd : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) ::dup2(null.get(), fd);
  const char word = '+';
  if (::write(parent_.get(), &word, 1) != 1) {
    throw std::system_error(errno, std::generic_category(), "cannot tell the caller");
  }
  parent_.reset();
}

}  // namespace lvsd::decap
