// SPDX-License-Identifier: GPL-2.0-or-later
// The checks of ldirectord.cf(5) -> the nearest of lvsd.yaml's.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "lvsd/ctl/ipvsadm_rules.h"

namespace lvsd::ctl {

// What a real server is asked and what it must answer, on its own line; else as its virtual says.
struct CheckWords {
  std::string request, receive;
  std::size_t line = 0;
};

class LdirectordChecks {
 public:
  // Whether the key is about checks. Of a virtual, or of all of them.
  bool take(const std::string& key, const std::string& value, std::size_t line, bool global);
  void begin_virtual() { own_.clear(); }

  // The check of a destination with this port, if any, of its own; nothing where ldirectord makes
  // none, or after a remark.
  std::optional<RuleExtra> check(const RuleService& service, Port own, const CheckWords& words,
                                 std::vector<Remark>& remarks) const;
  bool off() const { return value("checktype", "") == "off"; }  // nothing is to be served
  // The fallback of the service's family; nothing where there is none, or after a remark.
  std::optional<RuleExtra> sorry_server(const RuleService& service,
                                        std::vector<Remark>& remarks) const;

 private:
  struct Setting {
    std::string key, value;
    std::size_t line = 0;
  };
  using Settings = std::map<std::string, Setting, std::less<>>;

  const Setting* find(std::string_view key) const;
  std::string value(std::string_view key, std::string_view otherwise) const;
  std::string service_name(const RuleService& service) const;
  Setting or_none(std::string_view key) const;
  const Setting* find_timeout(bool negotiates) const;
  std::string asked(const std::string& type, const CheckWords& words,
                    std::vector<Remark>& remarks) const;
  std::string times(bool negotiates, std::vector<Remark>& remarks) const;

  Settings global_, own_;
};

}  // namespace lvsd::ctl
