// Pairs of bfloat16s, what AVX512_BF16 multiplies: 32 bits that hold two steps along K. Included by units.h.
#pragma once

#include "simd.h"

namespace loratwin::ops::LORATWIN_ISA {
namespace {

using Pairs = __m512i;   // 16 of them
using Narrow = __m256i;  // 16 bfloat16s

inline Pairs loadUnits(const Pair* p) { return _mm512_loadu_si512(p); }
inline Pairs loadUnits(const Pair* p, Mask m) { return _mm512_maskz_loadu_epi32(m, p); }
inline Pairs broadcastUnit(const Pair* p) {
  std::int32_t bits;
  std::memcpy(&bits, p, sizeof bits);
  return _mm512_set1_epi32(bits);
}
inline void storeUnits(Pair* p, Pairs v, Mask m) { _mm512_mask_storeu_epi32(p, m, v); }
// Both products of a pair are added to the sum in f32; subnormals count as 0.
inline Vec multiplyAdd(Pairs a, Pairs b, Vec sum) {
  return _mm512_dpbf16_ps(sum, reinterpret_cast<__m512bh>(a), reinterpret_cast<__m512bh>(b));
}
// lane i: (even[i], odd[i])
inline Pairs pairLanes(Narrow even, Narrow odd) {
  alignas(64) static constexpr std::uint16_t order[32] = {0, 32, 1, 33, 2,  34, 3,  35, 4,  36, 5,  37, 6,  38, 7,  39,
                                                          8, 40, 9, 41, 10, 42, 11, 43, 12, 44, 13, 45, 14, 46, 15, 47};
  return _mm512_permutex2var_epi16(_mm512_castsi256_si512(even), _mm512_load_si512(order), _mm512_castsi256_si512(odd));
}
inline Pairs pairLanes(Vec even, Vec odd) { return pairLanes(narrow(even), narrow(odd)); }
inline Narrow loadNarrow(const Bf16* p, Mask m) { return _mm256_maskz_loadu_epi16(m, p); }
inline Narrow loadNarrow(const float* p, Mask m) { return narrow(load(p, m)); }
// The first elements of a row, at most 32 of them.
inline Pairs pairRow(const Bf16* row, std::int64_t elements) {
  return _mm512_maskz_loadu_epi16(elements >= 32 ? ~0U : (1U << elements) - 1U, row);
}
inline Pairs pairRow(const float* row, std::int64_t elements) {
  return reinterpret_cast<__m512i>(
      _mm512_cvtne2ps_pbh(load(row + kLanes, firstLanes(elements - kLanes)), load(row, firstLanes(elements))));
}

}  // namespace
}  // namespace loratwin::ops::LORATWIN_ISA
