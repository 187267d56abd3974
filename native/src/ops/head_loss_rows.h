// head_loss_row: the softmax part of head_loss for one row of logits, in both builds. See head_loss.h.
#pragma once

#include <cstdint>

namespace loratwin::ops {

// z [V] becomes lossScale (softmax(z) - onehot(target)), or is destroyed when no gradient is wanted;
// returns the row's loss.
double head_loss_row(float* z, std::int64_t vocabulary, std::int32_t target, float lossScale, bool gradient);

}  // namespace loratwin::ops
