// The pairs of pairs_avx512.h for any processor, one element after the other. Included by units.h.
#pragma once

#include "simd.h"

namespace loratwin::ops::LORATWIN_ISA {
namespace {

struct Pairs {
  Pair lanes[kLanes];
};
struct Narrow {
  Bf16 lanes[kLanes];
};

inline Pairs loadUnits(const Pair* p, Mask m) {
  Pairs v{};
  std::memcpy(&v, p, static_cast<std::size_t>(m.lanes) * sizeof(Pair));
  return v;
}
inline Pairs loadUnits(const Pair* p) { return loadUnits(p, firstLanes(kLanes)); }
inline Pairs broadcastUnit(const Pair* p) {
  Pairs v;
  for (Pair& lane : v.lanes) lane = *p;
  return v;
}
inline void storeUnits(Pair* p, Pairs v, Mask m) {
  std::memcpy(p, &v, static_cast<std::size_t>(m.lanes) * sizeof(Pair));
}
inline Vec multiplyAdd(Pairs a, Pairs b, Vec sum) {
  for (int i = 0; i < kLanes; ++i) {
    sum[i] += toFloat(a.lanes[i].even) * toFloat(b.lanes[i].even) + toFloat(a.lanes[i].odd) * toFloat(b.lanes[i].odd);
  }
  return sum;
}
inline Pairs pairLanes(Narrow even, Narrow odd) {
  Pairs v;
  for (int i = 0; i < kLanes; ++i) v.lanes[i] = {even.lanes[i], odd.lanes[i]};
  return v;
}
inline Narrow narrow(Vec v) {
  Narrow narrowed;
  store(narrowed.lanes, v);
  return narrowed;
}
inline Pairs pairLanes(Vec even, Vec odd) { return pairLanes(narrow(even), narrow(odd)); }
template <class Element>
inline Narrow loadNarrow(const Element* p, Mask m) {
  return narrow(load(p, m));
}
template <class Element>
inline Pairs pairRow(const Element* row, std::int64_t elements) {
  const Narrow halves[2] = {loadNarrow(row, firstLanes(elements)),
                            loadNarrow(row + kLanes, firstLanes(elements - kLanes))};
  Pairs v;
  std::memcpy(&v, halves, sizeof v);
  return v;
}

}  // namespace
}  // namespace loratwin::ops::LORATWIN_ISA
