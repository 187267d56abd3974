#include "register_peak.h"

#include "isa.h"
#include "tile_configuration.h"

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace loratwin::ops {

namespace {

// Whatever is stored here was computed.
volatile float sink;

typedef float Vector16 __attribute__((vector_size(16)));
typedef float Vector32 __attribute__((vector_size(32)));
typedef float Vector64 __attribute__((vector_size(64)));

// acc = acc x + y on `Accumulators` vectors. The starts differ, or the compiler would compute one of them.
template <class Vector, int Accumulators>
[[gnu::always_inline]] inline double multiplyAdd(long rounds) {
  constexpr int kLanes = sizeof(Vector) / sizeof(float);
  const float one = 1.0F - sink * 0.0F;
  Vector acc[Accumulators];
  const Vector x = Vector{} + 0.5F * one;
  const Vector y = Vector{} + 0.25F * one;
#pragma GCC unroll 32
  for (int i = 0; i < Accumulators; ++i) acc[i] = Vector{} + one * static_cast<float>(i);
  for (long round = 0; round < rounds; ++round) {
#pragma GCC unroll 32
    for (int i = 0; i < Accumulators; ++i) acc[i] = acc[i] * x + y;
  }
  Vector total = acc[0];
#pragma GCC unroll 32
  for (int i = 1; i < Accumulators; ++i) total += acc[i];
  sink = total[0];
  return 2.0 * kLanes * Accumulators * static_cast<double>(rounds);
}

#if defined(__x86_64__)
[[gnu::target("avx512f,prefer-vector-width=512")]] double multiplyAddAvx512(long rounds) {
  return multiplyAdd<Vector64, 24>(rounds);
}
[[gnu::target("avx2,fma")]] double multiplyAddAvx2(long rounds) { return multiplyAdd<Vector32, 12>(rounds); }
#endif

}  // namespace

double multiplyFloats(long rounds) {
#if defined(__x86_64__)
  if (isOfProcessor(Isa::avx512)) return multiplyAddAvx512(rounds);
  if (isOfProcessor(Isa::avx2)) return multiplyAddAvx2(rounds);
#endif
  return multiplyAdd<Vector16, 12>(rounds);
}

#if defined(__x86_64__)
[[gnu::target("avx512f,avx512bf16")]] double multiplyPairs(long rounds) {
  constexpr int kAccumulators = 24;
  __m512 acc[kAccumulators];
  const __m512bh x = _mm512_cvtne2ps_pbh(_mm512_set1_ps(0.5F + sink * 0.0F), _mm512_set1_ps(0.25F));
  const __m512bh y = _mm512_cvtne2ps_pbh(_mm512_set1_ps(1e-6F), _mm512_set1_ps(-1e-6F));
#pragma GCC unroll 32
  for (int i = 0; i < kAccumulators; ++i) acc[i] = _mm512_set1_ps(static_cast<float>(i) + sink * 0.0F);
  for (long round = 0; round < rounds; ++round) {
#pragma GCC unroll 32
    for (int i = 0; i < kAccumulators; ++i) acc[i] = _mm512_dpbf16_ps(acc[i], x, y);
  }
  __m512 total = acc[0];
#pragma GCC unroll 32
  for (int i = 1; i < kAccumulators; ++i) total = _mm512_add_ps(total, acc[i]);
  sink = total[0];
  constexpr double kFlops = 16 * 2 * 2;
  return kFlops * kAccumulators * static_cast<double>(rounds);
}

// Four sums of 16 x 16 and their operands, in the tiles that they have in tiles.h.
double multiplyTiles(long rounds) {
  const TileConfiguration configuration{.rowBytes = {64, 64, 64, 64, 64, 64, 64, 64},
                                        .rows = {16, 16, 16, 16, 16, 16, 16, 16}};
  alignas(64) static const unsigned short operands[16][32] = {};
  asm volatile("ldtilecfg %0" ::"m"(configuration));
  asm volatile(
      "tileloadd (%0,%1,1), %%tmm4\n\ttileloadd (%0,%1,1), %%tmm5\n\t"
      "tileloadd (%0,%1,1), %%tmm6\n\ttileloadd (%0,%1,1), %%tmm7" ::"r"(operands),
      "r"(64L)
      : "memory");
  for (long round = 0; round < rounds; ++round) {
    asm volatile(
        "tdpbf16ps %tmm6, %tmm4, %tmm0\n\ttdpbf16ps %tmm7, %tmm4, %tmm1\n\t"
        "tdpbf16ps %tmm6, %tmm5, %tmm2\n\ttdpbf16ps %tmm7, %tmm5, %tmm3");
  }
  asm volatile("tilerelease");
  constexpr double kFlops = 16.0 * 16 * 32 * 2;
  return kFlops * 4 * static_cast<double>(rounds);
}
#else
double multiplyPairs(long) { return 0; }
double multiplyTiles(long) { return 0; }
#endif

}  // namespace loratwin::ops
