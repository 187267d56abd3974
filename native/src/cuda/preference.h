// preference: dx of rows whose losses are compared, from the dx of their losses; formulas in ops/preference.h
//
//   dx[t,:] *= d loss / d losses[l] for the rows t of losses[l], of each l that is a side's loss
//
//   terms [count], segments and losses [L], dx [T,H], all of the device
//   Coefficients in f64, products in f32. NMSE against the reference: 1e-12
#pragma once

#include <cstdint>

#include "ops/preference.h"

namespace loratwin::cuda {

struct Preference {
  const ops::PreferenceTerm* terms;
  std::int32_t count;
  const ops::LossSegment* segments;
  const double* losses;
  float* dx;
  std::int32_t hidden;
};

void preference(const Preference& op, void* stream);

}  // namespace loratwin::cuda
