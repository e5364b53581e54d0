// SPDX-License-Identifier: GPL-2.0-or-later
// The network, as frames: sends by any interface, hears what comes in by all of them. What a
// director forwards is filtered away in the kernel; only ARP, ICMP and answers to the probes' own
// ports come up here, so that a busy director is not slowed down.
#pragma once

#include <chrono>
#include <functional>

#include "frames.h"
#include "lvsd/io/file_descriptor.h"

namespace lvsd::doctor {

class Wire {
 public:
  Wire();  // throws std::system_error
  void send(InterfaceIndex interface, const Bytes& frame);
  // Calls back for each frame that says something, until then or until `enough` says so.
  using OnHeard = std::function<void(InterfaceIndex, const Heard&)>;
  void listen(std::chrono::milliseconds time, const OnHeard& on_heard,
              const std::function<bool()>& enough);

 private:
  void drain(const OnHeard& on_heard);
  FileDescriptor socket_;
  Bytes buffer_;
};

}  // namespace lvsd::doctor
