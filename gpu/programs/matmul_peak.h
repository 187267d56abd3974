#pragma once

#include "cuda/blas.h"
#include "shape.h"

namespace loratwin::gpu {

// The library as it chooses itself, and with the ways of products that were measured.
struct Libraries {
  cuda::Blas& first;
  cuda::Blas& fastest;
};

// A line {kind: "matmul", name, bytes, operations, firstChoiceSeconds, seconds, ...} of a large square product, whose
// rate is the peak that others are compared with. `seconds` are of the fastest way.
void timePeak(Libraries libraries, const Shape& shape);

// A line for each product of a layer as the executor does it, forward and backward: bfloat16 in; out bfloat16, or
// float32 in the residual stream (with the stream added) and its gradient.
void timeProducts(Libraries libraries, const Shape& shape);

}  // namespace loratwin::gpu
