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

void read_all(unsigned which, std::string_view bytes) {
  const CheckType type = kCheckTypes[which % kCheckTypes.size()];
  for (const Step& step : conversation(type)) {
    if (step.read != nullptr) judge(step.read(bytes), step.read(bytes));
  }
  judge(read_dns(bytes, 0x3030), read_dns(bytes, 0x3030));
  judge(read_ntp(bytes, 0x3030303030303030), read_ntp(bytes, 0x3030303030303030));
  Probe probe;
  probe.body = "ready";
  judge(judge_http(200, bytes, probe), judge_http(200, bytes, probe));
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
