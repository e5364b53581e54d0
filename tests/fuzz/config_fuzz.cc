// SPDX-License-Identifier: GPL-2.0-or-later
// Any bytes as lvsd.yaml and as a network file: refused with a message that can be shown, or taken
// and then shown, read back as the same, and compared.
#include <cstdint>
#include <string_view>

#include "lvsd/config/diff.h"
#include "lvsd/config/file.h"

namespace {

using namespace lvsd;

void judge(const Problems& problems, std::string_view text) {
  LVSD_ASSERT(!problems.list.empty());
  for (const Problem& problem : problems.list) {
    LVSD_ASSERT(problem.line >= 0 && problem.column >= 0);
    LVSD_ASSERT(static_cast<std::size_t>(problem.line) <= text.size() + 1);
    LVSD_ASSERT(!problem.what.empty() && !problem.remedy.empty());
    for (const char c : to_string(problem, "F")) {
      LVSD_ASSERT(static_cast<unsigned char>(c) >= 0x20 && c != 0x7f);
    }
  }
}

void read_as_config(std::string_view text) {
  const Result<ConfigFile, Problems> file = parse_file(text);
  if (!file) {
    judge(file.error(), text);
    return;
  }
  const Result<ConfigFile, Problems> again = parse_file(show_file(*file));
  LVSD_ASSERT(again.has_value() && *again == *file);
  LVSD_ASSERT(diff(file->config, again->config).empty());
  check_against(file->config, Network::assumed());
}

void read_as_network(std::string_view text) {
  const Result<Network, Problems> network = parse_network(text);
  if (!network) {
    judge(network.error(), text);
    return;
  }
  const std::string shown = show_network(*network);
  const Result<Network, Problems> again = parse_network(shown);
  LVSD_ASSERT(again.has_value() && show_network(*again) == shown);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  read_as_config(text);
  read_as_network(text);
  return 0;
}
