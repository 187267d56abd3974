// dequantize_panel: 64 columns of the right operand of x W^T (columns are rows of W) or of dy W, as products read them
//
//   forward  B [K,N] = W^T, backward B [N,K] = W; panel p holds columns 64 p .. 64 p + 63, those past the end are 0
//   panel    AVX512_BF16: [rows/2, 64, 2], rows padded to 32 with 0 (oneDNN's BA16a64b2a)
//            elsewhere: [rows, 64], as matmul_panels.h reads it
// Element by element the bits of ref::dequantize, but weights below 2^-126 may be 0. One calling thread, no memory.
#pragma once

#include "quantized.h"

namespace loratwin::ops {

constexpr std::int64_t kQuantPanel = 64;      // columns
constexpr std::int64_t kQuantPanelRows = 32;  // rows are padded to this

struct DequantizePanel {
  QuantizedView weight;
  bool backward;
  std::int64_t panel;
  Bf16* out;
};

void dequantize_panel(const DequantizePanel& op);

}  // namespace loratwin::ops
