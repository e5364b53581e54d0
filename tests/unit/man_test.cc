// SPDX-License-Identifier: GPL-2.0-or-later
// lvsd(8) names every verdict's reason with its sentence, and every option; the examples of
// lvsd.yaml(5) are right; doc/ipvsadm.md misses no option of ipvsadm(8) and no setting of IPVS.
#include <gtest/gtest.h>

#include <fstream>
#include <sstream>

#include "lvsd/config/load.h"
#include "lvsd/daemon/options.h"
#include "lvsd/doctor/judge.h"
#include "lvsd/model/verdict.h"

namespace lvsd {
namespace {

std::string text_of(const std::string& path) {
  std::ifstream file(LVSD_SOURCE_DIR "/" + path);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

std::string manual() { return text_of("man/lvsd.8"); }

// As it stands in the page: a tag with the name, and its sentence on the next line.
template <class Reason>
void expect_reason(const std::string& page, Reason reason) {
  const std::string entry =
      ".It Cm " + std::string(to_string(reason)) + "\n" + std::string(explain(reason)) + "\n";
  EXPECT_NE(page.find(entry), std::string::npos) << "man/lvsd.8 lacks:\n" << entry;
}

TEST(Manual, NamesEveryReason) {
  const std::string page = manual();
  ASSERT_FALSE(page.empty());
  for (std::size_t i = 0; i < kAcceptReasons; ++i) {
    expect_reason(page, static_cast<AcceptReason>(i));
  }
  for (std::size_t i = 0; i < kDropReasons; ++i) expect_reason(page, static_cast<DropReason>(i));
}

TEST(Manual, NamesEveryFindingOfTheDoctor) {
  const std::string page = text_of("man/lvsctl.8");
  for (const std::string_view name : doctor::finding_names()) {
    const auto at = page.find(name);
    EXPECT_NE(at, std::string::npos) << "man/lvsctl.8 lacks " << name;
  }
}

TEST(Manual, NamesEveryOption) {
  const std::string page = manual();
  std::istringstream words(usage());
  int options = 0;
  for (std::string word; words >> word;) {
    if (word.rfind("--", 0) != 0) continue;
    const std::string name = word.substr(2, word.find_first_of("]=", 2) - 2);
    EXPECT_NE(page.find("Fl Fl " + name), std::string::npos) << "man/lvsd.8 lacks --" << name;
    ++options;
  }
  EXPECT_GE(options, 7);
}

TEST(Manual, ShowsFilesThatAreRight) {
  const std::string page = text_of("man/lvsd.yaml.5");
  const std::string begin = ".Bd -literal -offset indent\n";
  int examples = 0;
  for (std::size_t at = page.find(begin); at != std::string::npos; at = page.find(begin, at)) {
    at += begin.size();
    const std::string file = page.substr(at, page.find(".Ed\n", at) - at);
    EXPECT_TRUE(parse_config(file).has_value()) << "man/lvsd.yaml.5 shows:\n" << file;
    ++examples;
  }
  EXPECT_GE(examples, 3);
}

// ipvsadm(8), 1.31.
constexpr std::string_view kIpvsadmWords =
    "-A -E -D -C -R -S -a -e -d -L -l -Z --add-service --edit-service --delete-service --clear "
    "--restore --save --add-server --edit-server --delete-server --list --zero --set "
    "--start-daemon --stop-daemon -h --help -v --version -t -u -f -s -b -p -M -r -g -i -m -w -x -y "
    "-c -X -n -6 -o --tcp-service --udp-service --sctp-service --fwmark-service --ipv6 --scheduler "
    "--sched-flags --persistent --netmask --pe --ops --real-server --gatewaying --ipip "
    "--masquerading --tun-type --tun-port --tun-nocsum --tun-csum --tun-remcsum --weight "
    "--u-threshold --l-threshold --mcast-interface --mcast-group --mcast-port --mcast-ttl --syncid "
    "--sync-maxlen --connection --timeout --daemon --stats --rate --exact --thresholds "
    "--persistent-conn --tun-info --sort --nosort --numeric";

// /proc/sys/net/ipv4/vs
constexpr std::string_view kSettings =
    "amemthresh am_droprate drop_entry drop_packet secure_tcp conntrack snat_reroute sync_version "
    "sync_ports sync_persist_mode sync_qlen_max sync_sock_size sync_threshold sync_refresh_period "
    "sync_retries cache_bypass expire_nodest_conn expire_quiescent_template sloppy_tcp sloppy_sctp "
    "nat_icmp_send pmtu_disc backup_only conn_reuse_mode schedule_icmp ignore_tunneled "
    "run_estimation est_cpulist est_nice lblc_expiration lblcr_expiration debug_level";

TEST(Manual, AnswersForEveryWordOfIpvsadm) {
  const std::string page = text_of("doc/ipvsadm.md");
  for (const std::string_view list : {kIpvsadmWords, kSettings}) {
    std::istringstream words{std::string(list)};
    for (std::string word; words >> word;) {
      EXPECT_NE(page.find("`" + word + "`"), std::string::npos) << "doc/ipvsadm.md lacks " << word;
    }
  }
}

}  // namespace
}  // namespace lvsd
