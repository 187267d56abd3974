// Which build of the fast operators runs: chosen once by cpuid, changeable for tests and benchmarks.
#pragma once

namespace loratwin::ops {

// In order: a processor that supports one supports those before it.
enum class Isa { generic, avx2, avx512, avx512bf16 };
constexpr Isa kIsas[] = {Isa::generic, Isa::avx2, Isa::avx512, Isa::avx512bf16};

// The best one that this processor and the system support: avx2 needs FMA too, avx512 F, BW, DQ and VL, avx512bf16 also
// AVX512_BF16.
Isa bestIsa();
Isa currentIsa();
// Process-wide and not synchronised: call it while no operator runs. Throws std::invalid_argument when unsupported.
void setIsa(Isa isa);
const char* isaName(Isa isa);

}  // namespace loratwin::ops
