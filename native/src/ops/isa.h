// Which build of the fast operators runs: chosen once by cpuid and one measurement, changeable for tests and
// benchmarks.
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
bool isOfProcessor(Isa isa);
// That, and this build has it.
bool isSupported(Isa isa);
// AMX-TILE, AMX-BF16 and AVX512_BF16.
bool processorHasTiles();
// isOfProcessor(Isa::amxbf16). The system is asked for the tiles once: without that it does not save them.
bool usableTiles();
// Whether vectors of pairs of bfloat16s (AVX512_BF16, which the processor needs to have) are multiplied at the rate of
// floats or a higher one: some processors take four times as long for them as others. Measured once, in less than a
// millisecond.
bool multipliesPairsFaster();
// The fastest of those that are: the widest, but for avx512bf16 where floats are faster.
Isa bestIsa();
// What bestIsa would be in a build for all processors.
Isa isaOfProcessor();
Isa currentIsa();
// Process-wide and not synchronised: call it while no operator runs. Throws std::invalid_argument when unsupported.
void setIsa(Isa isa);
const char* isaName(Isa isa);

}  // namespace loratwin::ops
