// The arithmetic peak of a core: multiply-adds on registers alone, on enough independent accumulators to hide latency.
// Each is one thread's work and returns the floating-point operations done.
#pragma once

namespace loratwin::ops {

// fp32, on the widest of AVX-512, AVX2 with FMA, and 16-byte vectors.
double multiplyFloats(long rounds);
// Pairs of bfloat16s summed in fp32, on vectors: for a processor with Isa::avx512bf16.
double multiplyPairs(long rounds);
// The same on the tiles of AMX: for one with Isa::amxbf16.
double multiplyTiles(long rounds);

}  // namespace loratwin::ops
