// SPDX-License-Identifier: GPL-2.0-or-later
// lvsctl plan --report: one HTML page with inline style and SVG, to attach to a review.
#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "lvsd/ctl/markup.h"
#include "lvsd/ctl/plan_traffic.h"

namespace lvsd::ctl {
namespace {

constexpr std::string_view kStyle =
    "body{font:15px/1.5 sans-serif;max-width:60em;margin:2em auto;padding:0 1em;color:#222}"
    "h1{font-size:1.5em}h2{font-size:1.15em;margin-top:2em}li{margin:.2em 0}"
    "code{background:#f3f3f3;padding:0 .3em}.big{font-size:2em;font-weight:bold}"
    "svg text{font:12px sans-serif;fill:#222}";
constexpr std::string_view kBefore = "#9aa7b5", kAfter = "#2166ac";

// Two bars for each destination, as wide as their share of the largest.
std::string chart(const ServiceTraffic& service) {
  constexpr unsigned kRow = 44, kBar = 14, kLeft = 230, kWidth = 480;
  std::uint64_t most = 1;
  for (const DestinationShare& share : service.shares) {
    most = std::max({most, share.before, share.after});
  }
  const std::size_t height = kRow * service.shares.size() + 8;
  std::string out =
      fmt::format("<svg role=\"img\" width=\"{0}\" height=\"{1}\" viewBox=\"0 0 {0} {1}\">\n",
                  kLeft + kWidth + 70, height);
  std::size_t y = 4;
  for (const DestinationShare& share : service.shares) {
    out += fmt::format("<text x=\"{}\" y=\"{}\" text-anchor=\"end\">{}</text>\n", kLeft - 8, y + 20,
                       escaped(share.destination));
    const auto bar = [&](std::size_t top, std::uint64_t count, std::string_view colour) {
      const std::uint64_t width = count * kWidth / most;
      out += fmt::format(
          "<rect x=\"{}\" y=\"{}\" width=\"{}\" height=\"{}\" fill=\"{}\"/>"
          "<text x=\"{}\" y=\"{}\">{}</text>\n",
          kLeft, top, width, kBar, colour, kLeft + width + 5, top + 12, count);
    };
    bar(y, share.before, kBefore);
    bar(y + kBar + 3, share.after, kAfter);
    y += kRow;
  }
  return out + "</svg>\n";
}

}  // namespace

std::string report_page(const TrafficPlan& traffic, const nlohmann::json& plan,
                        const std::string& old_file, const std::string& new_file) {
  std::string out = fmt::format(
      "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">"
      "<title>lvsctl plan</title><style>{}</style></head><body>\n"
      "<h1>From <code>{}</code> to <code>{}</code></h1>\n<p>{}.</p>\n<ul>\n",
      kStyle, escaped(old_file), escaped(new_file), escaped(plan.at("summary").get<std::string>()));
  for (const auto& line : plan.at("lines")) {
    out += "<li>" + escaped(line.get<std::string>()) + "</li>\n";
  }
  for (const auto& key : plan.at("needs_restart")) {
    out +=
        "<li>" + escaped(key.get<std::string>()) + " takes effect at the next restart only</li>\n";
  }
  out += fmt::format(
      "</ul>\n<p><span class=\"big\">{:.2f}%</span> of the capture's connections would go "
      "elsewhere: "
      "{} of {}, {} of them hit in mid-life by a reload.</p>\n"
      "<p><span style=\"color:{}\">&#9632;</span> before "
      "<span style=\"color:{}\">&#9632;</span> after, in connections</p>\n",
      100 * traffic.share(), traffic.elsewhere, traffic.connections, traffic.mid_life, kBefore,
      kAfter);
  for (const ServiceTraffic& service : traffic.services) {
    out += fmt::format("<h2>{}</h2>\n<p>{} of {} connections elsewhere, {} in mid-life</p>\n",
                       escaped(service.name), service.elsewhere, service.connections,
                       service.mid_life);
    out += chart(service);
  }
  return out + "</body></html>\n";
}

}  // namespace lvsd::ctl
