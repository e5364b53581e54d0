// SPDX-License-Identifier: GPL-2.0-or-later
#include "lvsd/io/pcap_reader.h"

#include <pcap/pcap.h>

#include <array>
#include <limits>

namespace lvsd {
namespace {

std::optional<LinkType> known_link_type(int dlt) {
  switch (dlt) {
    case DLT_EN10MB:
      return LinkType::ethernet;
    case DLT_RAW:
    case DLT_IPV4:
    case DLT_IPV6:
      return LinkType::raw_ip;
    case DLT_LINUX_SLL:
      return LinkType::cooked_v1;
    case DLT_LINUX_SLL2:
      return LinkType::cooked_v2;
    default:
      return std::nullopt;
  }
}

// libpcap was asked for nanoseconds, so tv_usec holds those. Nothing where the count does not fit.
std::optional<TimePoint> to_time(const timeval& stamp) {
  constexpr std::int64_t kPerSecond = 1'000'000'000;
  constexpr std::int64_t kMost = std::numeric_limits<std::int64_t>::max() / kPerSecond - 1;
  const std::int64_t seconds = stamp.tv_sec, nanoseconds = stamp.tv_usec;
  if (seconds < 0 || seconds > kMost || nanoseconds < 0 || nanoseconds >= kPerSecond) {
    return std::nullopt;
  }
  return TimePoint(Duration(seconds * kPerSecond + nanoseconds));
}

}  // namespace

struct PcapReader::Handle {
  explicit Handle(pcap_t* p) : pcap(p) {}
  ~Handle() { pcap_close(pcap); }
  Handle(const Handle&) = delete;
  Handle& operator=(const Handle&) = delete;
  pcap_t* pcap;
};

PcapReader::PcapReader(std::unique_ptr<Handle> handle, LinkType link_type, std::string file)
    : handle_(std::move(handle)), link_type_(link_type), file_(std::move(file)) {}
PcapReader::~PcapReader() = default;
PcapReader::PcapReader(PcapReader&&) noexcept = default;
PcapReader& PcapReader::operator=(PcapReader&&) noexcept = default;

Result<PcapReader, Error> PcapReader::open(const std::string& file) {
  std::array<char, PCAP_ERRBUF_SIZE> why{};
  pcap_t* const pcap =
      pcap_open_offline_with_tstamp_precision(file.c_str(), PCAP_TSTAMP_PRECISION_NANO, why.data());
  if (pcap == nullptr) {
    const std::string reason = why.data();  // libpcap names the file in some messages, not in all
    return fail(reason.find(file) == std::string::npos ? file + ": " + reason : reason);
  }
  auto handle = std::make_unique<Handle>(pcap);
  const int dlt = pcap_datalink(pcap);
  const std::optional<LinkType> link_type = known_link_type(dlt);
  if (!link_type) {
    const char* const name = pcap_datalink_val_to_name(dlt);
    return fail(file + ": link type " + (name != nullptr ? name : std::to_string(dlt)) +
                "; Ethernet, raw IP and Linux cooked captures can be read");
  }
  return PcapReader(std::move(handle), *link_type, file);
}

Result<std::optional<CapturedFrame>, Error> PcapReader::next() {
  pcap_pkthdr* header = nullptr;
  const unsigned char* bytes = nullptr;
  const int outcome = pcap_next_ex(handle_->pcap, &header, &bytes);
  if (outcome == PCAP_ERROR_BREAK) return std::optional<CapturedFrame>();
  const std::string where = file_ + ": frame " + std::to_string(++frames_) + ": ";
  if (outcome != 1) return fail(where + pcap_geterr(handle_->pcap));
  const std::optional<TimePoint> time = to_time(header->ts);
  if (!time) return fail(where + "its time is not within 1970..2262");
  // A length below what is there is a damaged record; the bytes count.
  const std::size_t length = header->len < header->caplen ? header->caplen : header->len;
  return std::optional(
      CapturedFrame{*time, std::as_bytes(std::span(bytes, header->caplen)), length});
}

}  // namespace lvsd
