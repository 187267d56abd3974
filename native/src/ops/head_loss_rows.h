// head_loss_row, logits_row: the softmax part of head_loss and head_logits for one row of z. See head_loss.h.
#pragma once

#include <cstdint>

#include "logits_kind.h"

namespace loratwin::ops {

enum class RowGradient { none, float32, bfloat16 };

// z [V] becomes its gradient, which for plain logits is lossScale (softmax(z) - onehot(target)), as float32 or as
// bfloat16 in its first 2 V bytes, or is destroyed when no gradient is wanted; returns the row's loss.
double head_loss_row(float* z, std::int64_t vocabulary, std::int32_t target, float lossScale, RowGradient gradient,
                     const LogitsKind& kind = {});

// z [V] becomes the logits; returns log sum_v exp l[v].
double logits_row(float* z, std::int64_t vocabulary, const LogitsKind& kind);

}  // namespace loratwin::ops
