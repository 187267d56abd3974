#include "isa.h"

#include <algorithm>
#include <chrono>
#include <limits>
#include <ranges>

#include "register_peak.h"

namespace loratwin::ops {

namespace {

// FLOP/s of the work at best of a few turns: whatever else runs only takes away.
class Fastest {
 public:
  explicit Fastest(double (*work)(long)) : work_(work) {}
  void turn() {
    constexpr long kRounds = 500;  // some microseconds
    const auto start = std::chrono::steady_clock::now();
    const double flops = work_(kRounds);
    const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - start;
    best_ = std::max(best_, flops / std::max(seconds.count(), std::numeric_limits<double>::min()));
  }
  double rate() const { return best_; }

 private:
  double (*work_)(long);
  double best_ = 0;
};

}  // namespace

bool isOfProcessor(Isa wanted) {
  if (wanted == Isa::generic) return true;
#if defined(__x86_64__)
  // libgcc and compiler-rt tell of registers only what the system saves.
  __builtin_cpu_init();
  switch (wanted) {
    case Isa::avx2:
      return __builtin_cpu_supports("avx2") != 0 && __builtin_cpu_supports("fma") != 0;
    case Isa::avx512:
      return isOfProcessor(Isa::avx2) && __builtin_cpu_supports("avx512f") != 0 &&
             __builtin_cpu_supports("avx512bw") != 0 && __builtin_cpu_supports("avx512dq") != 0 &&
             __builtin_cpu_supports("avx512vl") != 0;
    case Isa::avx512bf16:
      return isOfProcessor(Isa::avx512) && __builtin_cpu_supports("avx512bf16") != 0;
    case Isa::amxbf16:
      return usableTiles();
    default:
      break;
  }
#endif
  return false;
}

namespace {

// The fastest that this processor has, of those up to `widest`.
Isa fastest(Isa widest) {
  for (const Isa each : std::views::reverse(kIsas)) {
    if (each <= widest && isOfProcessor(each) && (each != Isa::avx512bf16 || multipliesPairsFaster())) return each;
  }
  return Isa::generic;
}

}  // namespace

bool isSupported(Isa wanted) { return static_cast<int>(wanted) <= LORATWIN_WIDEST_ISA && isOfProcessor(wanted); }

bool multipliesPairsFaster() {
  static const bool faster = [] {
    Fastest floats(multiplyFloats);
    Fastest pairs(multiplyPairs);
    for (int i = 0; i < 12; ++i) {
      floats.turn();
      pairs.turn();
    }
    // Where they are as fast, pairs still read half as much. Known processors have twice the rate, or half of it.
    return 1.2 * pairs.rate() > floats.rate();
  }();
  return faster;
}

Isa bestIsa() { return fastest(static_cast<Isa>(LORATWIN_WIDEST_ISA)); }

Isa isaOfProcessor() { return fastest(Isa::amxbf16); }

const char* isaName(Isa name) {
  constexpr const char* names[] = {"generic", "avx2", "avx512", "avx512bf16", "amx-bf16"};
  return names[static_cast<int>(name)];
}

}  // namespace loratwin::ops
