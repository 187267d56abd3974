// Sums over a block in a fixed order.
#pragma once

#include "cuda/simt.h"

namespace loratwin::cuda {

// In every thread: the sum over the block's threads, lanes of a warp first, then warps in order. `part` may be used
// again only after the block's next barrier.
template <int kThreads, class Real>
SIMT_DEVICE Real blockSum(Real value, Real (&part)[kThreads / kWarp]) {
  value = warpSum(value);
  if (threadIdx.x % kWarp == 0) part[threadIdx.x / kWarp] = value;
  __syncthreads();
  Real sum = 0;
  SIMT_UNROLL
  for (int i = 0; i < kThreads / kWarp; ++i) sum += part[i];
  return sum;
}

}  // namespace loratwin::cuda
