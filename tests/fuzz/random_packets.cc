// SPDX-License-Identifier: GPL-2.0-or-later
// director_fuzz fed with random numbers instead of a fuzzer's: director_random PACKETS [SEED]. The
// judge of director_world.h aborts at the first broken promise; the seed makes it come again.
#include <csignal>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <random>
#include <vector>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);
extern std::uint64_t packets_fed;

namespace {

std::uint64_t current_seed = 0;

void say_seed(int) {
  std::fprintf(stderr, "with the seed %llu\n", (unsigned long long)current_seed);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 2) return 2;
  const std::uint64_t wanted = std::strtoull(argv[1], nullptr, 10);
  std::uint64_t seed = argc > 2 ? std::strtoull(argv[2], nullptr, 10) : 1;
  std::signal(SIGABRT, say_seed);
  constexpr std::size_t kBytes = 6000;  // about 400 steps
  std::vector<std::uint8_t> bytes(kBytes);
  for (; packets_fed < wanted; ++seed) {
    current_seed = seed;
    std::mt19937_64 random(seed);
    for (std::uint8_t& byte : bytes) byte = static_cast<std::uint8_t>(random());
    LLVMFuzzerTestOneInput(bytes.data(), bytes.size());
  }
  std::printf("%llu packets\n", static_cast<unsigned long long>(packets_fed));
  return 0;
}
