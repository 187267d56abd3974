// sum_squares: sum_i x[i]^2
//
//   x [count] f32; accumulated in f64 in 64 fixed parts that are added in order: the same bits for any number of
//   threads.
//   Relative error against the reference: 1e-13
#pragma once

#include <cstddef>

#include "exec_context.h"

namespace loratwin::ops {

double sum_squares(ExecContext& context, const float* x, std::size_t count);

namespace ref {
template <class Real>
double sum_squares(const Real* x, std::size_t count);
}

}  // namespace loratwin::ops
