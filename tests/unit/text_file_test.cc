// SPDX-License-Identifier: GPL-2.0-or-later
#include "lvsd/io/text_file.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <cerrno>
#include <fstream>
#include <string>

namespace lvsd {
namespace {

TEST(TextFile, IsReadWhole) {
  const std::string path = testing::TempDir() + "text_file_" + std::to_string(::getpid());
  for (const std::size_t size : {0U, 1U, 4095U, 4096U, 4097U, 10000U}) {
    const std::string text(size, 'x');
    std::ofstream(path) << text;
    EXPECT_EQ(read_text_file(path), text) << size;
  }
  ::unlink(path.c_str());
}

TEST(TextFile, OfASizeThatOnlyReadingTells) {
  EXPECT_EQ(read_text_file("/proc/self/comm").value_or("").back(), '\n');
}

TEST(TextFile, SaysWhyItCannotBeOpened) {
  errno = 0;
  EXPECT_EQ(read_text_file("/proc/self/no-such-file"), std::nullopt);
  EXPECT_EQ(errno, ENOENT);
}

// As a process's file does when the process has ended in between.
TEST(TextFile, SaysWhyReadingFailed) {
  errno = 0;
  EXPECT_EQ(read_text_file("/proc/self"), std::nullopt);
  EXPECT_EQ(errno, EISDIR);
  errno = 0;
  EXPECT_EQ(read_text_file("/proc/self/mem"), std::nullopt);
  EXPECT_EQ(errno, EIO);
}

}  // namespace
}  // namespace lvsd
