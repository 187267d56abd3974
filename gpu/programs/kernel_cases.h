// What gpu_bench times, by topic: a JSON line each, {kind, name, bytes, operations, ...}. Bytes and operations are
// counted as docs/internals/kernels.md does.
#pragma once

#include "cuda/blas.h"
#include "shape.h"

namespace loratwin::gpu {

void elementwiseCases(const Shape& shape);
void optimizerCases(const Shape& shape);
// Each product for one projection, and for q, k and v and for gate and up in one launch.
void loraCases(const Shape& shape);
// The shape's own, then head dims and lengths of rows with the same number of tokens.
void attentionCases(const Shape& shape);
void crossEntropyCases(const Shape& shape);
// dequantize as the runtime calls it.
void dequantizeCases(const Shape& shape);
// Products with weights of 8 and 4 bits: dequantized part after part and multiplied.
void quantizedProductCases(cuda::Blas& blas, const Shape& shape);

}  // namespace loratwin::gpu
