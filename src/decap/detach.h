// SPDX-License-Identifier: GPL-2.0-or-later
// Goes on without the terminal, for hosts without a service manager: the calling process ends with
// status 0 once the other one is ready, or with 1 if it never is.
#pragma once

#include <string>

#include "lvsd/io/file_descriptor.h"

namespace lvsd::decap {

class Detached {
 public:
  // Returns in the process that goes on. Throws std::system_error.
  explicit Detached(std::string pid_file);
  ~Detached();
  Detached(const Detached&) = delete;
  Detached& operator=(const Detached&) = delete;

  void ready();  // writes the process number, lets go of the caller and of its output

 private:
  std::string pid_file_;
  FileDescriptor parent_;
  bool written_ = false;
};

}  // namespace lvsd::decap
