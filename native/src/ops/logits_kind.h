// What head_loss takes for logits instead of z = x W^T: scale z, or with a cap c tanh(scale z / c). The gradient goes
// back through it: that of z is scale, or scale (1 - tanh^2), times that of the logits.
#pragma once

namespace loratwin::ops {

struct LogitsKind {
  float scale = 1.0F;
  float softcap = 0.0F;  // c; 0: none

  constexpr bool isPlain() const { return scale == 1.0F && softcap == 0.0F; }
};

}  // namespace loratwin::ops
