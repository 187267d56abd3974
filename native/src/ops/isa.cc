#include "isa.h"

#include <algorithm>
#include <chrono>
#include <iterator>
#include <limits>

#if defined(__x86_64__)
#include <cpuid.h>
#endif

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

namespace {

struct Processor {
  Isa widest = Isa::generic;  // but for tiles
  bool hasTiles = false;
};

// What the processor has, of registers that the system saves (Intel's Software Developer's Manual, volume 2, CPUID;
// volume 1, 13.3). Compilers' own words for it (__builtin_cpu_supports) need a runtime that not all of them bring.
Processor examine() {
#if defined(__x86_64__)
  unsigned a = 0, b = 0, c = 0, d = 0;
  constexpr unsigned kFma = 1U << 12, kOsxsave = 1U << 27;
  if (__get_cpuid(1, &a, &b, &c, &d) == 0 || (c & kOsxsave) == 0 || (c & kFma) == 0) return {};
  unsigned saved = 0;
  asm volatile("xgetbv" : "=a"(saved), "=d"(d) : "c"(0));

  constexpr unsigned kAvx2 = 1U << 5, kAvx512 = 1U << 16 | 1U << 17 | 1U << 30 | 1U << 31;  // F, DQ, BW, VL
  constexpr unsigned kAmx = 1U << 22 | 1U << 24;                                            // BF16, TILE
  constexpr unsigned kYmm = 0x6, kZmm = 0xe6, kTiles = 0x60000;
  if (__get_cpuid_count(7, 0, &a, &b, &c, &d) == 0 || (b & kAvx2) == 0 || (saved & kYmm) != kYmm) return {};
  if ((b & kAvx512) != kAvx512 || (saved & kZmm) != kZmm) return {Isa::avx2};
  const bool hasTiles = (d & kAmx) == kAmx && (saved & kTiles) == kTiles;

  constexpr unsigned kAvx512Bf16 = 1U << 5;
  if (__get_cpuid_count(7, 1, &a, &b, &c, &d) == 0 || (a & kAvx512Bf16) == 0) return {Isa::avx512};
  return {Isa::avx512bf16, hasTiles};
#else
  return {};
#endif
}

const Processor& processor() {
  static const Processor examined = examine();
  return examined;
}

}  // namespace

bool processorHasTiles() { return processor().hasTiles; }

bool isOfProcessor(Isa wanted) { return wanted == Isa::amxbf16 ? usableTiles() : wanted <= processor().widest; }

namespace {

// The fastest that this processor has, of those up to `widest`.
Isa fastest(Isa widest) {
  for (auto at = std::rbegin(kIsas); at != std::rend(kIsas); ++at) {
    const Isa each = *at;
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
