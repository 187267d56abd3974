// Eight neighbours of a row at a time, as 16-byte accesses where they are whole and aligned.
#pragma once

#include "cuda/simt.h"

namespace loratwin::cuda {

constexpr int kChunk = 8;

SIMT_DEVICE bool aligned16(const void* pointer) { return (reinterpret_cast<std::uintptr_t>(pointer) & 15U) == 0; }

// values[i] = from[i] for i < count; 0 behind.
SIMT_DEVICE void loadChunk(float (&values)[kChunk], const float* from, std::int64_t count) {
  if (count >= kChunk && aligned16(from)) {
    const float4 low = loadVector<float4>(from);
    const float4 high = loadVector<float4>(from + 4);
    values[0] = low.x, values[1] = low.y, values[2] = low.z, values[3] = low.w;
    values[4] = high.x, values[5] = high.y, values[6] = high.z, values[7] = high.w;
    return;
  }
  SIMT_UNROLL
  for (int i = 0; i < kChunk; ++i) values[i] = i < count ? from[i] : 0.0F;
}

SIMT_DEVICE void loadChunk(float (&values)[kChunk], const Bf16* from, std::int64_t count) {
  if (count >= kChunk && aligned16(from)) {
    const uint4 bits = loadVector<uint4>(from);
    const std::uint32_t pairs[4] = {bits.x, bits.y, bits.z, bits.w};
    SIMT_UNROLL
    for (int i = 0; i < 4; ++i) {
      values[2 * i] = bitsToFloat(pairs[i] << 16);
      values[2 * i + 1] = bitsToFloat(pairs[i] & 0xffff0000U);
    }
    return;
  }
  SIMT_UNROLL
  for (int i = 0; i < kChunk; ++i) values[i] = i < count ? f32(from[i]) : 0.0F;
}

SIMT_DEVICE void storeChunk(float* to, const float (&values)[kChunk], std::int64_t count) {
  if (count >= kChunk && aligned16(to)) {
    storeVector(to, float4{values[0], values[1], values[2], values[3]});
    storeVector(to + 4, float4{values[4], values[5], values[6], values[7]});
    return;
  }
  SIMT_UNROLL
  for (int i = 0; i < kChunk; ++i) {
    if (i < count) to[i] = values[i];
  }
}

SIMT_DEVICE void storeChunk(Bf16* to, const float (&values)[kChunk], std::int64_t count) {
  if (count >= kChunk && aligned16(to)) {
    storeVector(to, uint4{packBf16(values[0], values[1]), packBf16(values[2], values[3]),
                          packBf16(values[4], values[5]), packBf16(values[6], values[7])});
    return;
  }
  SIMT_UNROLL
  for (int i = 0; i < kChunk; ++i) {
    if (i < count) to[i] = bf16(values[i]);
  }
}

constexpr std::int64_t chunksOf(std::int64_t count) { return (count + kChunk - 1) / kChunk; }

constexpr unsigned blocksFor(std::int64_t count, std::int64_t each) {
  return static_cast<unsigned>((count + each - 1) / each);
}

// This thread's place in a grid of one-dimensional blocks.
SIMT_DEVICE std::int64_t globalThread() {
  return static_cast<std::int64_t>(blockIdx.x) * static_cast<std::int64_t>(blockDim.x) +
         static_cast<std::int64_t>(threadIdx.x);
}

}  // namespace loratwin::cuda
