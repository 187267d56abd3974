// What the attention kernels share: a warp's 16 rows against a tile, with scores that never leave its registers.
#pragma once

#include <cmath>
#include <cstddef>
#include <stdexcept>
#include <string>
#include <type_traits>

#include "cuda/attention.h"
#include "cuda/tile.h"

namespace loratwin::cuda {

constexpr int kAttentionWarps = kAttentionRows / 16;
constexpr int kAttentionThreads = kAttentionWarps * kWarp;
constexpr float kLog2E = 1.4426950408889634F;
constexpr float kLn2 = 0.6931471805599453F;
// What a block may have on compute capability 8.6 and 8.9, the least of those compiled for (CUDA Programming Guide,
// compute capabilities).
constexpr std::size_t kSharedLimit = 99 * 1024;

template <int kTiles>
SIMT_DEVICE void clear(float (&sum)[kTiles][4]) {
  SIMT_UNROLL
  for (int n = 0; n < kTiles; ++n) {
    SIMT_UNROLL
    for (int i = 0; i < 4; ++i) sum[n][i] = 0.0F;
  }
}

// scores [16, kRows] = own [16, kDim] other [kRows, kDim]^T, both tiles in shared memory
template <int kRows, int kDim>
SIMT_DEVICE void multiplyRows(float (&scores)[kRows / 8][4], const Bf16* own, const Bf16* other) {
  constexpr int kStride = Tile<kRows, kDim>::kStride;
  clear(scores);
  SIMT_UNROLL
  for (int d = 0; d < kDim; d += 16) {
    std::uint32_t a[4];
    loadA(a, own + d, kStride);
    SIMT_UNROLL
    for (int n = 0; n < kRows / 8; n += 2) {
      std::uint32_t b[4];
      loadB(b, other + n * 8 * kStride + d, kStride);
      mmaM16N8K16(scores[n], a, b[0], b[1]);
      mmaM16N8K16(scores[n + 1], a, b[2], b[3]);
    }
  }
}

// sum [16, kWidth] += weights [16, kRows] other [kRows, kWidth], columns of a tile of kDim. Two neighbouring tiles of a
// sum are laid out as one fragment of A.
template <int kRows, int kDim, int kWidth>
SIMT_DEVICE void addWeighted(float (&sum)[kWidth / 8][4], const float (&weights)[kRows / 8][4], const Bf16* other) {
  constexpr int kStride = Tile<kRows, kDim>::kStride;
  SIMT_UNROLL
  for (int n = 0; n < kRows / 8; n += 2) {
    const std::uint32_t a[4] = {packBf16(weights[n][0], weights[n][1]), packBf16(weights[n][2], weights[n][3]),
                                packBf16(weights[n + 1][0], weights[n + 1][1]),
                                packBf16(weights[n + 1][2], weights[n + 1][3])};
    SIMT_UNROLL
    for (int d = 0; d < kWidth / 8; d += 2) {
      std::uint32_t b[4];
      loadBTrans(b, other + n * 8 * kStride + d * 8, kStride);
      mmaM16N8K16(sum[d], a, b[0], b[1]);
      mmaM16N8K16(sum[d + 1], a, b[2], b[3]);
    }
  }
}

// Sum and maximum over the four lanes that hold a row of a fragment.
SIMT_DEVICE float rowSum(float value) {
  value += __shfl_xor_sync(kAllLanes, value, 1);
  return value + __shfl_xor_sync(kAllLanes, value, 2);
}

SIMT_DEVICE float rowMax(float value) {
  value = fmaxf(value, __shfl_xor_sync(kAllLanes, value, 1));
  return fmaxf(value, __shfl_xor_sync(kAllLanes, value, 2));
}

// The warp's [16, kWidth], times factor[half of the fragment's rows], to rows `to` of stride ld, through the warp's own
// 16 rows of a tile of kDim columns in shared memory so that it is written in 16-byte pieces. Lanes see each other's
// parts after the __syncwarp.
template <int kDim, int kWidth>
SIMT_DEVICE void storeRows(const float (&sum)[kWidth / 8][4], const float (&factor)[2], Bf16* own, Bf16* to,
                           std::int64_t ld, std::int64_t rows, int columns) {
  constexpr int kStride = Tile<16, kDim>::kStride;
  SIMT_UNROLL
  for (int n = 0; n < kWidth / 8; ++n) {
    SIMT_UNROLL
    for (int half = 0; half < 2; ++half) {
      Bf16* const pair = own + fragmentRow(2 * half) * kStride + n * 8 + fragmentColumn(0);
      storeVector(pair, packBf16(factor[half] * sum[n][2 * half], factor[half] * sum[n][2 * half + 1]));
    }
  }
  __syncwarp();
  for (int i = laneOf(); i < 16 * (kWidth / kCopyElements); i += kWarp) {
    const int row = i / (kWidth / kCopyElements);
    const int column = i % (kWidth / kCopyElements) * kCopyElements;
    if (row >= rows || column >= columns) continue;
    storeVector(to + row * ld + column, loadVector<uint4>(own + row * kStride + column));
  }
}

// A kernel for one of the supported widths of heads. Limited: a query sees keys from the kind's firstKey on, and there
// may be sinks; otherwise it sees all from the first on. Capped: scores become c tanh(s / c).
template <int kDimOf, bool kIsLimited, bool kIsCapped>
struct Variant {
  static constexpr int kDim = kDimOf;
  static constexpr bool kLimited = kIsLimited;
  static constexpr bool kCapped = kIsCapped;
};

// launchFor(Variant) of the kind and, with `sinks`, of sinks too, for the least width that holds D; throws
// std::invalid_argument when there is none.
template <class Launch>
void withVariant(const char* name, std::int32_t headDim, const ops::AttentionKind& kind, bool sinks,
                 Launch&& launchFor) {
  const auto withWidth = [&](auto width) {
    constexpr int kDim = decltype(width)::value;
    if (kind.softcap > 0.0F) {
      launchFor(Variant<kDim, true, true>{});
    } else if (kind.window > 0 || kind.chunk > 0 || sinks) {
      launchFor(Variant<kDim, true, false>{});
    } else {
      launchFor(Variant<kDim, false, false>{});
    }
  };
  if (headDim % 8 != 0 || headDim > kMaxAttentionHeadDim) {
    throw std::invalid_argument(std::string(name) + ": Expected headDim of 8, 16 .. " +
                                std::to_string(kMaxAttentionHeadDim) + ", got " + std::to_string(headDim));
  }
  if (headDim <= 32) {
    withWidth(std::integral_constant<int, 32>{});
  } else if (headDim <= 64) {
    withWidth(std::integral_constant<int, 64>{});
  } else if (headDim <= 128) {
    withWidth(std::integral_constant<int, 128>{});
  } else {
    withWidth(std::integral_constant<int, 256>{});
  }
}

// The score of a product of q and k as an exponent of 2: product factor, or, capped, cap tanh(product factor); then
// slope is multiplied by tanh's derivative.
template <bool kCapped>
SIMT_DEVICE float exponentOf(float product, float factor, float cap, float& slope) {
  if constexpr (kCapped) {
    const float bent = tanhf(product * factor);
    slope *= 1.0F - bent * bent;
    return cap * bent;
  } else {
    return product * factor;
  }
}

// The kind's scale times `unit`. Kernels get it from the host, which costs them fewer registers.
inline float scaleIn(float unit, const ops::AttentionKind& kind, std::int32_t headDim) {
  return kind.scale != 0.0F ? unit * kind.scale : unit / std::sqrt(static_cast<float>(headDim));
}

}  // namespace loratwin::cuda
