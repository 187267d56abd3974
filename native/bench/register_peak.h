// The arithmetic peak of a core: multiply-adds on registers alone, on enough independent accumulators to hide latency.
#pragma once

namespace loratwin::bench {

// One thread's work; returns the floating-point operations done. Widest of AVX-512, AVX2 with FMA, and 16-byte vectors.
double multiplyAddFloat32(long rounds);

// Pairs of bf16 products summed in fp32: on the tiles of AMX where there are some, else on vectors (vdpbf16ps).
bool hasBfloat16Dot();
double dotBfloat16(long rounds);

}  // namespace loratwin::bench
