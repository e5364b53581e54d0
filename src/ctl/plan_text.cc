// SPDX-License-Identifier: GPL-2.0-or-later
#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <vector>

#include "lvsd/control/words.h"
#include "lvsd/ctl/plan.h"

namespace lvsd::ctl {
namespace {

using nlohmann::json;

struct Mark {
  std::string_view sign, colour;
};

Mark mark_of(const std::string& action) {
  if (action == "added") return {"+", "\033[32m"};
  if (action == "removed") return {"-", "\033[31m"};
  return {"~", "\033[33m"};
}

class Layout {
 public:
  explicit Layout(bool colours) : colours_(colours) {}

  void add(int depth, const Mark& mark, std::string_view text) {
    out_ += std::string(static_cast<std::size_t>(2 * depth), ' ');
    if (colours_) out_ += mark.colour;
    out_.append(mark.sign).append(" ").append(text);
    if (colours_) out_ += "\033[0m";
    out_ += '\n';
  }
  void plain(std::string_view text) { out_.append(text).append("\n"); }
  std::string take() { return std::move(out_); }

 private:
  bool colours_;
  std::string out_;
};

std::string live(const json& item) {
  const auto connections = item.at("connections").get<std::uint64_t>();
  return connections == 0 ? "" : " [" + counted(connections, "connection") + "]";
}

void add_service(Layout& layout, const json& service) {
  const std::string action = service.at("action");
  std::string text = fmt::format("service {} ({})", service.at("service").get<std::string>(),
                                 service.at("listen").get<std::string>());
  if (action == "added") {
    text += " with " + counted(service.at("size").get<std::uint64_t>(), "destination");
  }
  layout.add(0, mark_of(action), text + live(service));
  for (const json& detail : service.at("details")) {
    layout.add(2, mark_of("changed"), detail.get<std::string>());
  }
  for (const json& destination : service.at("destinations")) {
    std::string line = destination.at("destination");
    const auto details = destination.at("details").get<std::vector<std::string>>();
    if (!details.empty()) line += fmt::format(": {}", fmt::join(details, ", "));
    layout.add(2, mark_of(destination.at("action")), line + live(destination));
  }
}

}  // namespace

std::string format_plan(const json& plan, bool colours) {
  Layout layout(colours);
  for (const json& setting : plan.at("settings")) {
    layout.add(0, mark_of("changed"), setting.get<std::string>());
  }
  for (const json& service : plan.at("services")) add_service(layout, service);
  for (const json& key : plan.at("needs_restart")) {
    layout.add(0, {"!", "\033[35m"},
               key.get<std::string>() + " takes effect at the next restart only");
  }
  for (const json& consequence : plan.at("consequences")) {
    layout.plain(consequence.get<std::string>());
  }
  layout.plain("Plan: " + plan.at("summary").get<std::string>() + ".");
  return layout.take();
}

}  // namespace lvsd::ctl
