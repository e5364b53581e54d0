// SPDX-License-Identifier: GPL-2.0-or-later
// Both ends of the control protocol: any line as a request to the daemon, and as its reply to
// lvsctl. What is refused must still be printable, and what is read as a listing must print.
#include <cstddef>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <sstream>
#include <string_view>

#include "lvsd/control/listing.h"
#include "lvsd/control/request.h"
#include "lvsd/ctl/json_layout.h"
#include "lvsd/ctl/status_format.h"

namespace {

constexpr auto kReplace = nlohmann::json::error_handler_t::replace;

void as_request(std::string_view line) {
  const auto request = lvsd::parse_request(line);
  if (request) return;
  const std::string reply = lvsd::error_reply(request.error().message);
  LVSD_ASSERT(reply.find('\n') == std::string::npos);
  LVSD_ASSERT(reply.size() < 1000);
}

// What lvsctl prints without making a tree of it.
void as_text(std::string_view line, const nlohmann::json& reply) {
  std::ostringstream out;
  lvsd::ctl::JsonPrinter(out).value(line);
  const auto member = lvsd::ctl::json_member(line, "ok");
  lvsd::ctl::each_element(line, [](std::string_view) {});
  if (reply.is_discarded() || reply.dump(-1, ' ', false, kReplace) != line) return;
  LVSD_ASSERT(out.str() == reply.dump(2, ' ', false, kReplace));
  LVSD_ASSERT(member.has_value() == (reply.is_object() && reply.contains("ok")));
}

void as_reply(std::string_view line) {
  const nlohmann::json reply = nlohmann::json::parse(line, nullptr, false);
  as_text(line, reply);
  if (const auto listing = lvsd::parse_listing(reply)) {
    static_cast<void>(lvsd::format_list(*listing, {}));
    static_cast<void>(lvsd::format_list(*listing, {.form = lvsd::ListForm::statistics}));
    static_cast<void>(lvsd::describe_retired(*listing));
  }
  try {
    static_cast<void>(lvsd::ctl::format_status(reply));
  } catch (const nlohmann::json::exception&) {
    // what lvsctl prints as a sentence
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view line(reinterpret_cast<const char*>(data), size);
  as_request(line);
  as_reply(line);
  return 0;
}
