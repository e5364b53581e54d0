// SPDX-License-Identifier: GPL-2.0-or-later
// lvsctl convert --from ipvsadm|keepalived|ldirectord|lvsd --to lvsd|ipvsadm [FILE]
#include "lvsd/ctl/convert.h"

#include <glob.h>

#include <algorithm>
#include <array>
#include <boost/program_options.hpp>
#include <filesystem>
#include <iostream>
#include <iterator>
#include <nlohmann/json.hpp>

#include "lvsd/config/load.h"
#include "lvsd/config/text.h"
#include "lvsd/ctl/options.h"

namespace lvsd::ctl {
namespace {

namespace po = boost::program_options;

struct Options {
  std::string from, to, file = "-";
  bool json = false, help = false;
};

po::options_description describe_options(Options& options) {
  po::options_description described;
  auto add = described.add_options();
  add("from", po::value(&options.from)->value_name("LANGUAGE"),
      "ipvsadm, keepalived, ldirectord or lvsd");
  add("to", po::value(&options.to)->value_name("LANGUAGE"), "lvsd or ipvsadm");
  add("file", po::value(&options.file)->value_name("FILE"),
      "what to convert; - or none is standard input");
  add("json", po::bool_switch(&options.json), "print text and remarks as JSON");
  add("help,h", po::bool_switch(&options.help), "print this");
  return described;
}

// What is wrong with the two languages; empty where nothing is.
std::string judge_languages(const Options& options) {
  if (options.from.empty() || options.to.empty()) return "--from and --to are needed";
  constexpr std::array<std::string_view, 4> kFrom{"ipvsadm", "keepalived", "ldirectord", "lvsd"};
  if (std::find(kFrom.begin(), kFrom.end(), options.from) == kFrom.end()) {
    return "--from " + options.from + ": ipvsadm, keepalived, ldirectord or lvsd is expected";
  }
  if (options.to != "ipvsadm" && options.to != "lvsd") {
    return "--to " + options.to + ": lvsd or ipvsadm is expected";
  }
  return {};
}

std::optional<std::string> read_input(const std::string& file) {
  if (file == "-") {
    return std::string(std::istreambuf_iterator<char>(std::cin), std::istreambuf_iterator<char>());
  }
  auto text = read_file(file);
  if (text) return std::move(*text);
  std::cerr << to_string(text.error(), file) << "\n";
  return std::nullopt;
}

// The files that an `include` of keepalived.conf names: a pattern, relative to the file that has
// it.
Include includes_of(const std::string& input) {
  return [input](const std::string& pattern, const std::string& file) {
    namespace fs = std::filesystem;
    const std::string& from = file.empty() ? input : file;
    const fs::path directory = from == "-" ? fs::path() : fs::path(from).parent_path();
    std::vector<TextFile> out;
    glob_t found{};
    if (::glob((directory / pattern).c_str(), 0, nullptr, &found) == 0) {
      for (std::size_t i = 0; i < found.gl_pathc; ++i) {
        if (auto text = read_file(found.gl_pathv[i])) {
          out.push_back({found.gl_pathv[i], std::move(*text)});
        }
      }
    }
    ::globfree(&found);
    return out;
  };
}

Rules read_foreign(const Options& options, std::string_view text) {
  if (options.from == "keepalived") return read_keepalived(text, includes_of(options.file));
  return options.from == "ldirectord" ? read_ldirectord(text) : read_rules(text);
}

// Each language into itself puts the text in order: as `ipvsadm -S` and `lvsctl check --show` do.
std::optional<Converted> convert_text(const Options& options, std::string text) {
  std::vector<Remark> before;
  if (options.from != "lvsd") {
    Converted yaml = rules_to_lvsd(read_foreign(options, text));
    if (options.to == "lvsd") return yaml;
    text = std::move(yaml.text);
    before = std::move(yaml.left_out);
  }
  const auto config = parse_config(text);
  if (!config) {
    for (const Problem& problem : config.error().list) {
      std::cerr << to_string(problem, options.file) << "\n";
    }
    return std::nullopt;
  }
  Converted out =
      options.to == "lvsd" ? Converted{show_config(*config), {}} : lvsd_to_ipvsadm(*config);
  out.left_out.insert(out.left_out.begin(), before.begin(), before.end());
  return out;
}

void print_text(const Options& options, const Converted& converted) {
  std::cout << converted.text << std::flush;
  for (const Remark& remark : converted.left_out) {
    const std::string& input = options.file == "-" ? "standard input" : options.file;
    std::cerr << (remark.file.empty() ? input : remark.file);
    if (remark.line != 0) std::cerr << ":" << remark.line;
    std::cerr << ": left out: " << remark.what << "\n";
  }
}

void print_json(const Converted& converted) {
  nlohmann::json answer{
      {"version", 1}, {"text", converted.text}, {"left_out", nlohmann::json::array()}};
  for (const Remark& remark : converted.left_out) {
    answer["left_out"].push_back({{"line", remark.line}, {"what", remark.what}});
    if (!remark.file.empty()) answer["left_out"].back()["file"] = remark.file;
  }
  // Remarks quote the input, which need not be UTF-8.
  std::cout << answer.dump(2, ' ', false, nlohmann::json::error_handler_t::replace) << std::endl;
}

}  // namespace

int convert(const Words& words) {
  Options options;
  const po::options_description described = describe_options(options);
  po::positional_options_description positional;
  positional.add("file", 1);
  constexpr auto kStyle = static_cast<po::command_line_style::style_t>(
      po::command_line_style::unix_style & ~po::command_line_style::allow_guessing);
  try {
    po::variables_map map;
    po::store(po::command_line_parser(words)
                  .options(described)
                  .positional(positional)
                  .style(kStyle)
                  .run(),
              map);
    po::notify(map);
  } catch (const po::error& error) {
    return usage_error("convert", error.what());
  }
  if (options.help) {
    std::cout << "usage: lvsctl convert --from ipvsadm|keepalived|ldirectord|lvsd"
                 " --to lvsd|ipvsadm [FILE]\n"
              << described;
    return kFine;
  }
  if (const std::string wrong = judge_languages(options); !wrong.empty()) {
    return usage_error("convert", wrong);
  }
  std::optional<std::string> text = read_input(options.file);
  if (!text) return kNo;
  const std::optional<Converted> converted = convert_text(options, std::move(*text));
  if (!converted) return kNo;
  options.json ? print_json(*converted) : print_text(options, *converted);
  return converted->left_out.empty() && std::cout.good() ? kFine : kNo;
}

}  // namespace lvsd::ctl
