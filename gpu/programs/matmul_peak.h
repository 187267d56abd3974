#pragma once

#include "cuda/blas.h"
#include "shape.h"

namespace loratwin::gpu {

// A line {kind: "matmul", name, bytes, operations, ...} of a large square product, whose rate is the peak that others
// are compared with.
void timePeak(cuda::Blas& blas, const Shape& shape);

// A line for each product of a layer as the executor does it, forward and backward: bfloat16 in; out bfloat16, or
// float32 in the residual stream (with the stream added) and its gradient.
void timeProducts(cuda::Blas& blas, const Shape& shape);

}  // namespace loratwin::gpu
