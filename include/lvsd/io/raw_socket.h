// SPDX-License-Identifier: GPL-2.0-or-later
// Sends whole IP packets that the kernel routes: by the destination in their header, through OUTPUT
// and POSTROUTING. In order within a version of IP. Used where the way out has no link-layer
// address or is not in our model of the network. What is no IP packet, or IPv6 where the kernel has
// none, is counted as refused.
#pragma once

#include <memory>
#include <span>

#include "lvsd/io/file_descriptor.h"
#include "lvsd/io/send_batch.h"
#include "lvsd/model/emission.h"

namespace lvsd {

class RawSocket {
 public:
  RawSocket();  // throws std::system_error
  ~RawSocket();
  RawSocket(const RawSocket&) = delete;
  RawSocket& operator=(const RawSocket&) = delete;

  void send(std::span<const Emission> packets);
  const SendCounters& counters() const { return counters_; }

 private:
  struct Batch;
  std::unique_ptr<Batch> v4_, v6_;
  SendCounters counters_;
};

}  // namespace lvsd
