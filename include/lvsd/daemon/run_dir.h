// SPDX-License-Identifier: GPL-2.0-or-later
// The run directory, held by one daemon at a time: a lock that ends with the process, however it
// ends.
#pragma once

#include <string>

namespace lvsd {

class RunDir {
 public:
  // Creates it (0755) where it is missing; throws std::runtime_error naming the pid that holds it.
  explicit RunDir(std::string path);
  ~RunDir();
  RunDir(const RunDir&) = delete;
  RunDir& operator=(const RunDir&) = delete;
  const std::string& path() const { return path_; }

 private:
  std::string path_;
  int lock_ = -1;
};

}  // namespace lvsd
