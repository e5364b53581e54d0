// SPDX-License-Identifier: GPL-2.0-or-later
// lvsctl top: the same screen again and again, by plain escape sequences, so that it works wherever
// a terminal does. The terminal is put back however this ends.
#include <poll.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#include <algorithm>
#include <iostream>
#include <sstream>

#include "lvsd/ctl/live.h"
#include "lvsd/ctl/top_format.h"

namespace lvsd::ctl {
namespace {

using nlohmann::json;
using std::chrono::steady_clock;

constexpr std::string_view kEnter = "\x1b[?1049h\x1b[?25l", kLeave = "\x1b[?25h\x1b[?1049l";
constexpr std::string_view kHome = "\x1b[H", kEndOfLine = "\x1b[K", kEndOfScreen = "\x1b[J";

volatile sig_atomic_t interrupted = 0;
void interrupt(int /*signal*/) { interrupted = 1; }

void put(std::string_view text) {
  while (!text.empty()) {
    const ssize_t written = ::write(STDOUT_FILENO, text.data(), text.size());
    if (written <= 0) return;
    text.remove_prefix(static_cast<std::size_t>(written));
  }
}

class Terminal {
 public:
  Terminal() {
    raw_ = ::tcgetattr(STDIN_FILENO, &before_) == 0;
    termios quiet = before_;
    quiet.c_lflag &= ~static_cast<tcflag_t>(ICANON | ECHO);
    if (raw_) ::tcsetattr(STDIN_FILENO, TCSANOW, &quiet);
    struct sigaction action {};
    action.sa_handler = interrupt;
    for (const int number : {SIGINT, SIGTERM, SIGHUP}) ::sigaction(number, &action, nullptr);
    put(kEnter);
  }
  ~Terminal() {
    put(kLeave);
    if (raw_) ::tcsetattr(STDIN_FILENO, TCSANOW, &before_);
  }
  Terminal(const Terminal&) = delete;
  Terminal& operator=(const Terminal&) = delete;

  static Screen screen() {
    winsize size{};
    if (::ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_row == 0) return {};
    return {size.ws_row, size.ws_col};
  }
  // Whether to go on after so long.
  static bool wait(std::chrono::milliseconds time) {
    pollfd input{.fd = STDIN_FILENO, .events = POLLIN, .revents = 0};
    if (::poll(&input, 1, static_cast<int>(time.count())) <= 0) return interrupted == 0;
    char key = 'q';
    const bool read = ::read(STDIN_FILENO, &key, 1) == 1;
    return read && key != 'q' && key != 'Q' && interrupted == 0;
  }

 private:
  termios before_{};
  bool raw_ = false;
};

struct Sample {
  json status;
  Listing listing;
  steady_clock::time_point time;
};

std::optional<Sample> sample(LiveCommand& command) {
  const auto status = command.ask(Request{Command::status});
  const auto list = status ? command.ask(Request{Command::list}) : std::nullopt;
  if (!list) return std::nullopt;
  const auto listing = parse_listing(*list);
  if (!listing) {
    std::cerr << "lvsctl: " << listing.error().message << "\n";
    return std::nullopt;
  }
  return Sample{status->at("status"), *listing, steady_clock::now()};
}

std::string draw(const Sample& now, const std::optional<Sample>& before, Screen screen,
                 std::string_view end) {
  const double seconds =
      before ? std::chrono::duration<double>(now.time - before->time).count() : 0;
  std::string text;
  const auto lines =
      top_lines(now.listing, now.status, before ? before->status : json(nullptr), seconds, screen);
  for (std::size_t i = 0; i < lines.size(); ++i) {
    text += lines[i] + std::string(end);
    if (i + 1 < lines.size() || end.empty()) text += "\n";
  }
  return text;
}

// What is said while the other screen is there would vanish with it.
class HeldBack {
 public:
  HeldBack() : before_(std::cerr.rdbuf(said_.rdbuf())) {}
  ~HeldBack() {
    std::cerr.rdbuf(before_);
    std::cerr << said_.str();
  }
  HeldBack(const HeldBack&) = delete;
  HeldBack& operator=(const HeldBack&) = delete;

 private:
  std::ostringstream said_;
  std::streambuf* before_;
};

int watch(LiveCommand& command, std::chrono::milliseconds interval) {
  std::optional<Sample> now = sample(command), before;
  if (!now) return command.failure();
  const HeldBack errors;
  const Terminal terminal;
  while (true) {
    put(std::string(kHome) + draw(*now, before, Terminal::screen(), kEndOfLine) +
        std::string(kEndOfScreen));
    if (!Terminal::wait(interval)) return kFine;
    before = std::move(now);
    now = sample(command);
    if (!now) return command.failure();
  }
}

}  // namespace

int top(const Words& words) {
  LiveCommand command("top", "Shows rates, connections and reasons, again and again; q quits.");
  command.add_options()("interval", po::value<double>()->default_value(2)->value_name("SECONDS"),
                        "between two looks")("once", "print one screen and exit");
  if (!command.parse(words)) return command.status();
  if (command.given("json")) {
    command.refuse("it is a screen; lvsctl status --json and list --json have its figures");
    return command.status();
  }
  const double interval = command.number("interval");
  if (!(interval >= 0.1 && interval <= 3600)) {
    command.refuse("--interval takes 0.1 to 3600 seconds");
    return command.status();
  }
  try {
    if (!command.given("once")) {
      return watch(command, std::chrono::milliseconds(static_cast<int>(interval * 1000)));
    }
    const auto now = sample(command);
    if (!now) return command.failure();
    std::cout << draw(*now, {}, {.rows = 100000, .columns = 80}, "");
    return kFine;
  } catch (const json::exception& wrong) {
    std::cerr << "lvsctl: the daemon's status cannot be read: " << wrong.what() << "\n";
    return kNo;
  }
}

}  // namespace lvsd::ctl
