// SPDX-License-Identifier: GPL-2.0-or-later
#include "lvsd/io/pcap_writer.h"

#include <pcap/pcap.h>

#include <cerrno>
#include <cstring>

namespace lvsd {

struct PcapWriter::Handle {
  Handle(pcap_t* p, pcap_dumper_t* d) : pcap(p), dumper(d) {}
  ~Handle() {
    if (dumper != nullptr) pcap_dump_close(dumper);
    pcap_close(pcap);
  }
  Handle(const Handle&) = delete;
  Handle& operator=(const Handle&) = delete;
  pcap_t* pcap;
  pcap_dumper_t* dumper;
};

PcapWriter::PcapWriter(std::unique_ptr<Handle> handle, std::string file)
    : handle_(std::move(handle)), file_(std::move(file)) {}
PcapWriter::~PcapWriter() = default;
PcapWriter::PcapWriter(PcapWriter&&) noexcept = default;
PcapWriter& PcapWriter::operator=(PcapWriter&&) noexcept = default;

Result<PcapWriter, Error> PcapWriter::open(const std::string& file) {
  constexpr int kSnapLength = 262144;  // libpcap's own maximum for Ethernet
  pcap_t* const pcap =
      pcap_open_dead_with_tstamp_precision(DLT_EN10MB, kSnapLength, PCAP_TSTAMP_PRECISION_NANO);
  if (pcap == nullptr) return fail(file + ": out of memory");
  auto handle = std::make_unique<Handle>(pcap, pcap_dump_open(pcap, file.c_str()));
  if (handle->dumper == nullptr) return fail(pcap_geterr(pcap));  // libpcap names the file
  return PcapWriter(std::move(handle), file);
}

void PcapWriter::write(const CapturedFrame& frame) {
  const std::int64_t time = frame.time.time_since_epoch().count();
  pcap_pkthdr header{};
  header.ts.tv_sec = time / 1'000'000'000;
  header.ts.tv_usec = time % 1'000'000'000;
  header.caplen = static_cast<bpf_u_int32>(frame.bytes.size());
  header.len = static_cast<bpf_u_int32>(frame.length);
  // libpcap's callback signature: the dumper travels as u_char*.
  pcap_dump(reinterpret_cast<u_char*>(handle_->dumper), &header,
            reinterpret_cast<const u_char*>(frame.bytes.data()));
}

Status PcapWriter::close() {
  if (handle_->dumper == nullptr) return Done{};  // closed already
  const bool written =
      pcap_dump_flush(handle_->dumper) == 0 && std::ferror(pcap_dump_file(handle_->dumper)) == 0;
  const int why = errno;
  pcap_dump_close(handle_->dumper);
  handle_->dumper = nullptr;
  if (!written) return fail(file_ + ": " + std::strerror(why));
  return Done{};
}

}  // namespace lvsd
