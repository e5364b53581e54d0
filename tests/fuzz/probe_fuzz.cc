// SPDX-License-Identifier: GPL-2.0-or-later
// Everything that reads what a probed server answers. The first byte says which; whatever comes out
// must be fit for a log, and must not change when the same bytes come again.
#include <cstddef>
#include <cstdint>

#include "lvsd/health/agent.h"
#include "lvsd/health/probe_text.h"
#include "lvsd/net/result.h"

namespace lvsd {
namespace {

void judge(const Reading& reading, const Reading& again) {
  LVSD_ASSERT(reading.judgement == again.judgement && reading.text == again.text);
  for (const char c : reading.text) LVSD_ASSERT(c >= ' ' && c <= '~');
}

// In however many parts it comes, and whatever the status.
void search_body(std::string_view bytes) {
  Probe probe;
  probe.body = "ready";
  BodySearch whole(probe.body);
  whole.take(bytes);
  LVSD_ASSERT(whole.found() == (bytes.find(probe.body) != std::string_view::npos));
  BodySearch parts(probe.body);
  for (std::size_t begin = 0, size = 1; begin < bytes.size(); begin += size, size = size % 7 + 1) {
    parts.take(bytes.substr(begin, size));
  }
  const unsigned status = 100 + static_cast<unsigned>(bytes.size()) % 500;
  judge(judge_http(status, whole, probe), judge_http(status, parts, probe));
  judge(judge_http(200, whole, probe), judge_http(200, parts, probe));
}

void read_all(unsigned which, std::string_view bytes) {
  const CheckType type = kCheckTypes[which % kCheckTypes.size()];
  for (const Step& step : conversation(type)) {
    if (step.read != nullptr) judge(step.read(bytes), step.read(bytes));
  }
  judge(read_dns(bytes, 0x3030), read_dns(bytes, 0x3030));
  judge(read_ntp(bytes, 0x3030303030303030), read_ntp(bytes, 0x3030303030303030));
  search_body(bytes);
  judge(read_expected(bytes, "well"), read_expected(bytes, "well"));
  read_ping(which % 2 == 0, bytes);
  if (const auto report = parse_agent(bytes)) {
    LVSD_ASSERT(!report->percent || *report->percent <= 256);
  }
}

}  // namespace
}  // namespace lvsd

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  lvsd::read_all(data[0], {reinterpret_cast<const char*>(data) + 1, size - 1});
  return 0;
}
