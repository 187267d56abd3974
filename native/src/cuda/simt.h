// What a kernel is written with. A .cu file is compiled by nvcc for a GPU, or by g++ as C++ against native/emulation,
// which runs its blocks on the CPU. Everything else of CUDA that a kernel needs gets a wrapper here first, one for each
// PTX instruction.
#pragma once

#include <cstddef>
#include <cstdint>

#include "ops/bf16.h"

namespace loratwin::cuda {

using ops::Bf16;

constexpr int kWarp = 32;
constexpr unsigned kAllLanes = 0xffffffffU;

// Blocks are one-dimensional. An empty grid is an error: a launcher returns before it when there is nothing to do.
struct LaunchShape {
  unsigned blocks = 1;
  unsigned blocksY = 1;
  unsigned threads = 1;
  std::size_t sharedBytes = 0;
  void* stream = nullptr;
};

}  // namespace loratwin::cuda

#if defined(__CUDACC__)
#include "cuda/simt_nvcc.h"
#else
#include "emulation/simt_host.h"
#endif

namespace loratwin::cuda {

SIMT_DEVICE float f32(float x) { return x; }
SIMT_DEVICE float f32(Bf16 x) { return bitsToFloat(static_cast<std::uint32_t>(x.bits) << 16); }
SIMT_DEVICE void assign(float& to, float value) { to = value; }
SIMT_DEVICE void assign(Bf16& to, float value) { to = bf16(value); }

// The sum over a full warp, in every lane, by halves: lanes that are 16 apart first.
template <class Real>
SIMT_DEVICE Real warpSum(Real value) {
  SIMT_UNROLL
  for (int distance = kWarp / 2; distance > 0; distance /= 2) value += __shfl_xor_sync(kAllLanes, value, distance);
  return value;
}

SIMT_DEVICE float warpMax(float value) {
  SIMT_UNROLL
  for (int distance = kWarp / 2; distance > 0; distance /= 2) {
    value = fmaxf(value, __shfl_xor_sync(kAllLanes, value, distance));
  }
  return value;
}

}  // namespace loratwin::cuda
