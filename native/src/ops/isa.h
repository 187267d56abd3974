// Which build of the fast operators runs: chosen once by cpuid, changeable for tests and benchmarks.
#pragma once

namespace loratwin::ops {

enum class Isa { generic, avx512, avx512bf16 };

// The best one this processor supports: avx512 needs F, BW, DQ and VL, avx512bf16 also AVX512_BF16.
Isa bestIsa();
Isa currentIsa();
// Process-wide and not synchronised: call it while no operator runs. Throws std::invalid_argument when unsupported.
void setIsa(Isa isa);
const char* isaName(Isa isa);

}  // namespace loratwin::ops
