// SPDX-License-Identifier: GPL-2.0-or-later
// The TUN device that the virtual addresses live on: created, given its addresses and brought up
// here, gone with this object. The kernel takes what is written to it as received on that device.
//
// Reverse path filtering would drop every packet that comes out of the tunnel (the way back to the
// client is another interface), so it is switched off for the device. The larger of the device's
// setting and that of *all* interfaces counts; where the latter is not 0, the device's is 2, loose,
// which wins over 1. Where it cannot be switched off, IPv6 works all the same: a warning.
#pragma once

#include <string>
#include <vector>

#include "decap/decapsulate.h"

namespace lvsd::decap {

class TunnelDevice {
 public:
  // Throws std::system_error, or std::runtime_error with a sentence.
  TunnelDevice(std::string name, const std::vector<IpAddress>& addresses, unsigned mtu);
  ~TunnelDevice();
  TunnelDevice(const TunnelDevice&) = delete;
  TunnelDevice& operator=(const TunnelDevice&) = delete;

  const std::string& name() const { return name_; }
  const std::string& warning() const { return warning_; }  // empty: none
  bool write(const Inner& inner);  // false, errno set, where the kernel refused it

 private:
  std::string name_, warning_;
  int fd_ = -1;
};

}  // namespace lvsd::decap
