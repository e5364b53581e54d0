// SPDX-License-Identifier: GPL-2.0-or-later
// Network namespaces for tests in this process: without names, so that they and all that is in them
// vanish with it, whatever happens. A socket belongs to the namespace its thread was in when it was
// made.
#pragma once

#include <string>

#include "lvsd/io/file_descriptor.h"

namespace lvsd::test {

class NetworkNamespace {
 public:
  NetworkNamespace();  // throws std::system_error, with EPERM where we are not root
  int fd() const { return fd_.get(); }
  std::string path() const;                     // for `ip link set ... netns`
  void run(const std::string& commands) const;  // a shell inside; throws where it fails

 private:
  FileDescriptor fd_;
};

// The calling thread is in the namespace as long as this lives.
class Inside {
 public:
  explicit Inside(const NetworkNamespace& there);
  ~Inside();
  Inside(const Inside&) = delete;
  Inside& operator=(const Inside&) = delete;

 private:
  FileDescriptor back_;
};

// client (c0 10.77.1.2) -- (d0 10.77.1.1) director (d1 10.77.2.1) -- (s0 10.77.2.2) server, each
// end with its checksums finished by the sender, the client's default route through the director.
struct Lab {
  NetworkNamespace client, director, server;
  Lab();
};

unsigned interface_index(const NetworkNamespace& there, const std::string& name);

}  // namespace lvsd::test
