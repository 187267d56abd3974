// Which build of the fast operators runs: chosen once by cpuid, changeable for tests and benchmarks.
#pragma once

// The widest that is linked: a number of kIsas.
#if !defined(LORATWIN_WIDEST_ISA)
#if defined(__x86_64__)
#define LORATWIN_WIDEST_ISA 4
#else
#define LORATWIN_WIDEST_ISA 0
#endif
#endif

namespace loratwin::ops {

// In order: a processor that supports one supports those before it.
enum class Isa { generic, avx2, avx512, avx512bf16, amxbf16 };
constexpr Isa kIsas[] = {Isa::generic, Isa::avx2, Isa::avx512, Isa::avx512bf16, Isa::amxbf16};

// Whether this processor and the system support it: avx2 needs FMA too, avx512 F, BW, DQ and VL, avx512bf16 also
// AVX512_BF16, amxbf16 also AMX-TILE and AMX-BF16.
bool isSupported(Isa isa);
// isSupported(Isa::amxbf16). The system is asked for the tiles once: without that it does not save them.
bool usableTiles();
// The best of those that are.
Isa bestIsa();
Isa currentIsa();
// Process-wide and not synchronised: call it while no operator runs. Throws std::invalid_argument when unsupported.
void setIsa(Isa isa);
const char* isaName(Isa isa);

}  // namespace loratwin::ops
