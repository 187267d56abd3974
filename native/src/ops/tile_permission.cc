#include "isa.h"

#if defined(__x86_64__) && defined(__linux__)
#include <sys/syscall.h>
#include <unistd.h>
#endif

namespace loratwin::ops {

bool usableTiles() {
#if defined(__x86_64__) && defined(__linux__)
  // Linux: Documentation/arch/x86/xstate.rst
  constexpr long kRequestPermission = 0x1023;
  constexpr long kTileData = 18;
  static const bool granted = processorHasTiles() && syscall(SYS_arch_prctl, kRequestPermission, kTileData) == 0;
  return granted;
#else
  return false;
#endif
}

}  // namespace loratwin::ops
