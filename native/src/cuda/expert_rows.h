// gather_rows, combine and combine_backward: formulas, shapes and tensors as in ops/expert_rows.h, in device memory
//
//   Sums f32: over the experts of a row in order, over columns by threads, then warps, in a fixed order.
//   NMSE against the reference: 1e-12; of a bfloat16 output 6e-6
#pragma once

#include "ops/expert_rows.h"

namespace loratwin::cuda {

void gather_rows(const ops::GatherRows& op, void* stream);
void gather_rows(const ops::GatherRowsBf16& op, void* stream);
void combine(const ops::Combine& op, void* stream);
void combine(const ops::CombineBf16& op, void* stream);
void combine(const ops::CombineBf16F32& op, void* stream);
void combine_backward(const ops::CombineBackward& op, void* stream);
void combine_backward(const ops::CombineBackwardBf16& op, void* stream);

}  // namespace loratwin::cuda
