#include "isa.h"

namespace loratwin::ops {

bool isSupported(Isa wanted) {
  if (wanted == Isa::generic) return true;
  if (static_cast<int>(wanted) > LORATWIN_WIDEST_ISA) return false;
#if LORATWIN_WIDEST_ISA >= 1
  // libgcc and compiler-rt tell of registers only what the system saves.
  __builtin_cpu_init();
  switch (wanted) {
    case Isa::avx2:
      return __builtin_cpu_supports("avx2") != 0 && __builtin_cpu_supports("fma") != 0;
    case Isa::avx512:
      return isSupported(Isa::avx2) && __builtin_cpu_supports("avx512f") != 0 &&
             __builtin_cpu_supports("avx512bw") != 0 && __builtin_cpu_supports("avx512dq") != 0 &&
             __builtin_cpu_supports("avx512vl") != 0;
    case Isa::avx512bf16:
      return isSupported(Isa::avx512) && __builtin_cpu_supports("avx512bf16") != 0;
    case Isa::amxbf16:
      return usableTiles();
    default:
      break;
  }
#endif
  return false;
}

Isa bestIsa() {
  Isa best = Isa::generic;
  for (const Isa each : kIsas) {
    if (isSupported(each)) best = each;
  }
  return best;
}

const char* isaName(Isa name) {
  constexpr const char* names[] = {"generic", "avx2", "avx512", "avx512bf16", "amx-bf16"};
  return names[static_cast<int>(name)];
}

}  // namespace loratwin::ops
