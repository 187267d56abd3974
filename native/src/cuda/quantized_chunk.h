// Eight neighbours of a row of a quantized weight (ops/quantized.h), as a kernel reads them.
#pragma once

#include "cuda/rows.h"
#include "ops/quantized.h"

namespace loratwin::cuda {

using ops::Quantization;

// The table of nf4 [16] from constants in the code: an array of them has no address on a device.
template <int kCode>
SIMT_DEVICE void fillTable(float* table) {
  constexpr float value = ops::kNf4[kCode];
  if (threadIdx.x == kCode) table[kCode] = value;
  if constexpr (kCode < 15) fillTable<kCode + 1>(table);
}

// Eight codes, or sixteen halves of which eight are this chunk's.
SIMT_DEVICE void loadBytes(std::uint32_t (&bytes)[kChunk], const std::uint8_t* from) {
  const uint2 words = loadVector<uint2>(from);
  SIMT_UNROLL
  for (int i = 0; i < 4; ++i) {
    bytes[i] = words.x >> 8 * i & 0xffU;
    bytes[4 + i] = words.y >> 8 * i & 0xffU;
  }
}

// Of row n, columns k .. k + 7, the first of which is one of W's; padding stands for 0. `table`: of nf4, filled.
template <Quantization kFormat>
SIMT_DEVICE void loadValues(float (&values)[kChunk], const ops::QuantizedView& w, std::int64_t n, std::int64_t k,
                            const float* table) {
  const std::uint8_t* const codes = w.codes + n * w.layout.rowBytes();
  std::uint32_t bytes[kChunk];
  if constexpr (kFormat == Quantization::int8) {
    loadBytes(bytes, codes + k);
    const float scale = w.scales[n];
    SIMT_UNROLL
    for (int i = 0; i < kChunk; ++i) {
      values[i] = static_cast<float>(static_cast<std::int8_t>(bytes[i])) * scale;
    }
  } else {
    // Of 32 codes, 0 .. 15 are the low halves of 16 bytes and 16 .. 31 the high ones.
    loadBytes(bytes, codes + k / 32 * 16 + k % 16);
    const int shift = k % 32 < 16 ? 0 : 4;
    const std::int64_t block = (n * w.layout.rowCodes() + k) / ops::kQuantBlock;
    const float absmax =
        fmaf(static_cast<float>(w.absmax[block]), w.scales[1 + block / ops::kQuantSuperBlock], w.scales[0]);
    SIMT_UNROLL
    for (int i = 0; i < kChunk; ++i) values[i] = table[bytes[i] >> shift & 15U] * absmax;
  }
}

}  // namespace loratwin::cuda
