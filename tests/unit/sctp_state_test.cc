// SPDX-License-Identifier: GPL-2.0-or-later
// Every state, chunk type and direction against the reference's tables (section 3.6), which are
// written here as the reference prints them: the state, then what each event makes of it.
#include "lvsd/director/sctp_state.h"

#include <gtest/gtest.h>

#include <array>
#include <map>
#include <sstream>
#include <string>
#include <vector>

namespace lvsd {
namespace {

const std::array<std::string, kSctpStates> kCodes{"NO", "I1", "IN", "CS", "CR", "CW", "CO",
                                                  "CE", "ES", "SS", "SR", "SA", "RJ", "CL"};

struct Expectation {
  TableDirection direction;
  const char* rows;
};

// DATA INIT INIT-ACK C-ECHO C-ACK SHUT SHUT-ACK SHUT-COMP ERROR ABORT; two dots: unchanged.
const std::array<Expectation, 3> kExpected{{
    {TableDirection::input,
     "NO  ES I1 CW CR ES SR CL CL CL CL  "
     "I1  .. IN CW IN .. .. IN CL .. CL  "
     "IN  .. .. CW .. .. .. .. CL .. CL  "
     "CS  .. .. .. CR .. .. .. .. .. CL  "
     "CR  .. .. .. .. .. .. .. .. .. CL  "
     "CW  .. .. CO .. .. .. .. .. .. RJ  "
     "CO  .. .. .. .. .. .. .. .. .. CL  "
     "CE  .. .. .. .. ES .. .. .. CL CL  "
     "ES  .. .. .. .. .. SR .. .. .. CL  "
     "SS  .. .. .. .. .. .. CL .. .. CL  "
     "SR  .. .. .. .. .. .. .. .. .. CL  "
     "SA  .. .. .. .. .. .. CL CL .. CL  "
     "RJ  .. IN .. .. .. .. .. .. .. CL  "
     "CL  .. IN .. .. .. .. .. .. .. ..  "},
    {TableDirection::output,
     "NO  ES CW CS CE ES SS SA CL CL CL  "
     "I1  .. CW CS CE ES SS SA .. CL RJ  "
     "IN  .. CW CS CE ES SS SA .. CL CL  "
     "CS  .. CW .. CE ES SS SA .. CL CL  "
     "CR  .. CW .. CE ES SS SA .. CL CL  "
     "CW  .. .. .. CE ES SS .. .. .. CL  "
     "CO  .. CW .. CE ES SS .. .. .. CL  "
     "CE  .. CW .. .. ES SS .. .. .. CL  "
     "ES  .. .. .. .. .. SS .. .. .. CL  "
     "SS  .. CW .. .. .. .. SA .. .. CL  "
     "SR  .. CW .. .. .. .. SA .. .. CL  "
     "SA  .. CW .. .. .. .. .. .. .. CL  "
     "RJ  .. CW .. .. .. .. .. .. .. CL  "
     "CL  .. CW .. .. .. .. .. .. .. ..  "},
    {TableDirection::input_only,
     "NO  ES I1 CE ES ES SR CL CL CL CL  "
     "I1  .. IN CE ES .. .. IN CL .. CL  "
     "IN  .. .. CE ES .. .. .. CL .. CL  "
     "CS  .. IN CE ES ES .. .. CL .. CL  "
     "CR  .. IN CE ES ES .. .. CL .. CL  "
     "CW  ES IN CE ES .. .. .. .. .. RJ  "
     "CO  .. .. .. .. ES .. .. .. .. CL  "
     "CE  .. .. .. .. ES .. .. .. .. CL  "
     "ES  .. .. .. .. .. SR CL .. .. CL  "
     "SS  .. .. .. .. .. .. CL .. .. CL  "
     "SR  .. .. .. .. .. .. .. CL .. CL  "
     "SA  .. .. .. .. .. .. CL CL .. CL  "
     "RJ  .. IN .. .. .. .. .. .. .. CL  "
     "CL  .. IN .. .. .. .. .. .. .. ..  "},
}};

// The column of every chunk type up to 14 (reference 3.6); all others are in the first.
const std::array<std::size_t, 15> kColumns{0, 1, 2, 0, 0, 0, 9, 5, 6, 8, 3, 4, 0, 0, 7};

std::vector<std::vector<std::string>> read_rows(const char* text) {
  std::istringstream words(text);
  std::vector<std::vector<std::string>> rows;
  for (const std::string& code : kCodes) {
    std::string word;
    words >> word;
    EXPECT_EQ(word, code);
    std::vector<std::string> row;
    for (int i = 0; i < 10; ++i) {
      words >> word;
      row.push_back(word == ".." ? code : word);
    }
    rows.push_back(row);
  }
  EXPECT_TRUE(words.good() || words.eof());
  return rows;
}

TEST(SctpState, EveryTransitionIsTheReferences) {
  for (const Expectation& expected : kExpected) {
    const auto rows = read_rows(expected.rows);
    for (std::size_t state = 0; state < kSctpStates; ++state) {
      for (unsigned chunk = 0; chunk < 256; ++chunk) {
        const std::size_t column = chunk < kColumns.size() ? kColumns.at(chunk) : 0;
        const SctpState next = next_state(static_cast<SctpState>(state), expected.direction,
                                          static_cast<std::uint8_t>(chunk));
        ASSERT_EQ(kCodes.at(static_cast<std::size_t>(next)), rows.at(state).at(column))
            << kCodes.at(state) << " chunk " << chunk << " direction "
            << static_cast<int>(expected.direction);
      }
    }
  }
}

TEST(SctpState, TimeoutsActivityAndNames) {
  const std::string table =
      "NONE 2 INIT1 4 INIT 61 C-SENT 61 C-REPLIED 61 C-WAIT 61 COOKIE 61 C-ECHOED 61 "
      "ESTABLISHED 900 S-SENT 61 S-RECEIVED 61 S-ACK-SENT 61 REJECTED 4 CLOSED 61";
  std::istringstream words(table);
  for (std::size_t state = 0; state < kSctpStates; ++state) {
    std::string name;
    int seconds = 0;
    ASSERT_TRUE(words >> name >> seconds);
    const auto current = static_cast<SctpState>(state);
    EXPECT_EQ(to_string(current), name);
    EXPECT_EQ(timeout_of(current), std::chrono::seconds(seconds)) << name;
    EXPECT_EQ(counts_as_active(current), name == "ESTABLISHED") << name;
  }
}

}  // namespace
}  // namespace lvsd
