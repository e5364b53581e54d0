// SPDX-License-Identifier: GPL-2.0-or-later
#include "lvsd/ctl/ipvsadm_line.h"

#include <algorithm>
#include <array>

namespace lvsd::ctl {
namespace {

enum class Arg : std::uint8_t { none, required, optional };
// Which commands an option goes with.
enum class With : std::uint8_t { any, service, service_settings, server_settings, listing, sync };

struct OptionName {
  std::string_view name;
  char letter;  // 0: it has none
  Arg arg;
  With with;
};

// ipvsadm(8), but for the commands.
constexpr std::array kOptions{
    OptionName{"tcp-service", 't', Arg::required, With::service},
    OptionName{"udp-service", 'u', Arg::required, With::service},
    OptionName{"sctp-service", 0, Arg::required, With::service},
    OptionName{"fwmark-service", 'f', Arg::required, With::service},
    OptionName{"ipv6", '6', Arg::none, With::service},
    OptionName{"scheduler", 's', Arg::required, With::service_settings},
    OptionName{"sched-flags", 'b', Arg::required, With::service_settings},
    OptionName{"persistent", 'p', Arg::optional, With::service_settings},
    OptionName{"netmask", 'M', Arg::required, With::service_settings},
    OptionName{"ops", 'o', Arg::none, With::service_settings},
    OptionName{"pe", 0, Arg::required, With::service_settings},
    OptionName{"real-server", 'r', Arg::required, With::server_settings},
    OptionName{"gatewaying", 'g', Arg::none, With::server_settings},
    OptionName{"ipip", 'i', Arg::none, With::server_settings},
    OptionName{"masquerading", 'm', Arg::none, With::server_settings},
    OptionName{"weight", 'w', Arg::required, With::server_settings},
    OptionName{"u-threshold", 'x', Arg::required, With::server_settings},
    OptionName{"l-threshold", 'y', Arg::required, With::server_settings},
    OptionName{"tun-type", 0, Arg::required, With::server_settings},
    OptionName{"tun-port", 0, Arg::required, With::server_settings},
    OptionName{"tun-nocsum", 0, Arg::none, With::server_settings},
    OptionName{"tun-csum", 0, Arg::none, With::server_settings},
    OptionName{"tun-remcsum", 0, Arg::none, With::server_settings},
    OptionName{"numeric", 'n', Arg::none, With::any},
    OptionName{"connection", 'c', Arg::none, With::listing},
    OptionName{"stats", 0, Arg::none, With::listing},
    OptionName{"rate", 0, Arg::none, With::listing},
    OptionName{"thresholds", 0, Arg::none, With::listing},
    OptionName{"persistent-conn", 0, Arg::none, With::listing},
    OptionName{"tun-info", 0, Arg::none, With::listing},
    OptionName{"timeout", 0, Arg::none, With::listing},
    OptionName{"daemon", 0, Arg::none, With::listing},
    OptionName{"exact", 'X', Arg::none, With::listing},
    OptionName{"sort", 0, Arg::none, With::listing},
    OptionName{"nosort", 0, Arg::none, With::listing},
    OptionName{"syncid", 0, Arg::required, With::sync},
    OptionName{"sync-maxlen", 0, Arg::required, With::sync},
    OptionName{"mcast-interface", 0, Arg::required, With::sync},
    OptionName{"mcast-group", 0, Arg::required, With::sync},
    OptionName{"mcast-port", 0, Arg::required, With::sync},
    OptionName{"mcast-ttl", 0, Arg::required, With::sync},
};

struct CommandName {
  std::string_view name;
  char letter;
  IpvsadmCommand command;
};
constexpr std::array kCommands{
    CommandName{"add-service", 'A', IpvsadmCommand::add_service},
    CommandName{"edit-service", 'E', IpvsadmCommand::edit_service},
    CommandName{"delete-service", 'D', IpvsadmCommand::delete_service},
    CommandName{"clear", 'C', IpvsadmCommand::clear},
    CommandName{"add-server", 'a', IpvsadmCommand::add_server},
    CommandName{"edit-server", 'e', IpvsadmCommand::edit_server},
    CommandName{"delete-server", 'd', IpvsadmCommand::delete_server},
    CommandName{"set", 0, IpvsadmCommand::set_timeouts},
    CommandName{"start-daemon", 0, IpvsadmCommand::sync},
    CommandName{"stop-daemon", 0, IpvsadmCommand::sync},
    CommandName{"restore", 'R', IpvsadmCommand::restore},
    CommandName{"list", 'L', IpvsadmCommand::no_change},
    CommandName{"list", 'l', IpvsadmCommand::no_change},
    CommandName{"save", 'S', IpvsadmCommand::no_change},
    CommandName{"zero", 'Z', IpvsadmCommand::no_change},
    CommandName{"help", 'h', IpvsadmCommand::no_change},
    CommandName{"version", 'v', IpvsadmCommand::no_change},
};

bool goes_with(With with, IpvsadmCommand command) {
  using enum IpvsadmCommand;
  switch (with) {
    case With::any:
      return true;
    case With::service:
      return command != clear && command != set_timeouts && command != sync && command != restore;
    case With::service_settings:
      return command == add_service || command == edit_service;
    case With::server_settings:
      return command == add_server || command == edit_server || command == delete_server;
    case With::listing:
      return command == no_change;
    case With::sync:
      return command == sync;
  }
  return false;
}

std::vector<std::string> split(std::string_view text) {
  constexpr std::string_view kSpace = " \t\r\n\v\f";
  std::vector<std::string> words;
  for (std::size_t at = text.find_first_not_of(kSpace); at != std::string_view::npos;
       at = text.find_first_not_of(kSpace, at)) {
    const std::size_t end = std::min(text.find_first_of(kSpace, at), text.size());
    words.emplace_back(text.substr(at, end - at));
    at = end;
  }
  return words;
}

// An option or command as it stands on the line, however it was spelled.
struct Spelled {
  std::string text;                        // for messages
  char letter = 0;                         // or
  std::string_view name;                   // without its dashes
  std::optional<std::string_view> joined;  // "--weight=5", "-w5"
};

class LineParser {
 public:
  explicit LineParser(std::vector<std::string> words) : words_(std::move(words)) {}

  Result<IpvsadmLine, Error> parse() {
    while (at_ < words_.size()) {
      const std::string_view word = words_[at_++];
      Status status = Done{};
      if (word.size() > 2 && word.substr(0, 2) == "--") {
        status = take_long(word.substr(2));
      } else if (word.size() > 1 && word[0] == '-') {
        status = take_bundle(word.substr(1));
      } else if (command_ == IpvsadmCommand::set_timeouts || command_ == IpvsadmCommand::sync) {
        line_.words.emplace_back(word);
      } else {
        return fail("what is '" + std::string(word) + "'?");
      }
      if (!status) return Unexpected{status.error()};
    }
    if (!command_) return fail("there is no command (-A, -a and the like)");
    line_.command = *command_;
    return std::move(line_);
  }

 private:
  Status take_long(std::string_view text) {
    const std::size_t equals = text.find('=');
    Spelled spelled{"--" + std::string(text.substr(0, equals)), 0, text.substr(0, equals), {}};
    if (equals != std::string_view::npos) spelled.joined = text.substr(equals + 1);
    return take(spelled).has_value() ? Status(Done{}) : Status(fail(wrong_));
  }

  // "-At": each letter an option, until one takes what is left as its value.
  Status take_bundle(std::string_view letters) {
    for (std::size_t i = 0; i < letters.size(); ++i) {
      Spelled spelled{std::string("-") + letters[i], letters[i], {}, {}};
      if (i + 1 < letters.size()) spelled.joined = letters.substr(i + 1);
      const std::optional<bool> used_rest = take(spelled);
      if (!used_rest) return fail(wrong_);
      if (*used_rest) break;
    }
    return Done{};
  }

  // Whether it took the joined text; nothing, and wrong_, if it cannot be.
  std::optional<bool> take(const Spelled& spelled) {
    if (const std::optional<IpvsadmCommand> command = find_command(spelled)) {
      return take_command(*command, spelled);
    }
    const auto option =
        std::find_if(kOptions.begin(), kOptions.end(), [&](const OptionName& known) {
          return spelled.letter != 0 ? known.letter == spelled.letter : known.name == spelled.name;
        });
    if (option == kOptions.end()) return refuse("ipvsadm has no option " + spelled.text);
    if (!command_) return refuse("the command (-A, -a and the like) must come first");
    if (!goes_with(option->with, *command_)) {
      return refuse(spelled.text + " does not go with this command");
    }
    const std::optional<std::string> value = take_value(*option, spelled);
    if (!value) return std::nullopt;
    if (!line_.options.emplace(option->name, *value).second) {
      return refuse(spelled.text + " is given twice");
    }
    return option->arg != Arg::none;
  }

  // -c, -d and the like are commands or options by their place; only -C, -d and so on lead a line.
  static std::optional<IpvsadmCommand> find_command(const Spelled& spelled) {
    for (const CommandName& known : kCommands) {
      if (spelled.letter != 0 ? known.letter == spelled.letter : known.name == spelled.name) {
        return known.command;
      }
    }
    return std::nullopt;
  }

  std::optional<bool> take_command(IpvsadmCommand command, const Spelled& spelled) {
    if (command_) return refuse("there are two commands");
    command_ = command;
    const bool is_long = spelled.letter == 0;
    if (is_long && spelled.joined) line_.words.emplace_back(*spelled.joined);  // --start-daemon=
    return is_long && spelled.joined.has_value();
  }

  std::optional<std::string> take_value(const OptionName& option, const Spelled& spelled) {
    if (option.arg == Arg::none) {
      if (spelled.letter == 0 && spelled.joined) {
        refuse(spelled.text + " takes no value");
        return std::nullopt;
      }
      return "";
    }
    if (spelled.joined) return std::string(*spelled.joined);
    const bool more = at_ < words_.size() && words_[at_].substr(0, 1) != "-";
    if (more) return words_[at_++];
    if (option.arg == Arg::optional) return "";
    refuse(spelled.text + " needs a value");
    return std::nullopt;
  }

  std::nullopt_t refuse(std::string what) {
    wrong_ = std::move(what);
    return std::nullopt;
  }

  std::vector<std::string> words_;
  std::size_t at_ = 0;
  std::optional<IpvsadmCommand> command_;
  IpvsadmLine line_;
  std::string wrong_;
};

}  // namespace

std::string IpvsadmLine::value(std::string_view name, std::string_view otherwise) const {
  const auto found = options.find(name);
  return found == options.end() ? std::string(otherwise) : found->second;
}

Result<std::optional<IpvsadmLine>, Error> parse_ipvsadm_line(std::string_view text) {
  std::vector<std::string> words = split(text);
  if (!words.empty() && words.front().front() == '#') return std::optional<IpvsadmLine>();
  std::erase_if(words, [](const std::string& word) {
    return word == "ipvsadm" || (word.front() == '/' && word.size() > 8 &&
                                 word.compare(word.size() - 8, 8, "/ipvsadm") == 0);
  });
  if (words.empty()) return std::optional<IpvsadmLine>();
  auto line = LineParser(std::move(words)).parse();
  if (!line) return Unexpected{line.error()};
  return std::optional<IpvsadmLine>(std::move(*line));
}

}  // namespace lvsd::ctl
