// What a gate goes through before it multiplies.
#pragma once

namespace loratwin::ops {

enum class Activation { silu, gelu, clamped };

}  // namespace loratwin::ops
