// LoRA for the rows of many adapters at once:
//
//   lora_xa       s = drop_g(x) A_g^T                              forward
//   lora_sb       y[:, column + n] += scale_g (s B_g^T)[:, n]      forward
//   lora_dyb      ds = scale_g dy B_g                              backward
//   lora_dsa      dx += drop_g'(ds A_g)                            backward
//   lora_dsx_dys  dA_g += ds^T drop_g(x)    dB_g += scale_g dy^T s  backward
//
//   x, dx [T,K] strides ldx, lddx   y, dy [T, >= column + N] strides ldy, lddy   s, ds [T, >= R_g] stride lds
//   A_g [R_g,K] stride lda   B_g [N,R_g] stride ldb(R_g)   dA_g, dB_g f32 with the strides of A_g, B_g
//   row major; x, s, ds, dy, A, B bfloat16; y, dx float32 or bfloat16; sums f32. Bases are 16-byte aligned, strides
//   multiples of 8 (columns of y: multiples of 8); K, N and R_g are free, and what lies between them and the stride is
//   neither read nor written.
//   A segment is one adapter's rows for one projection. Projections that share x and the tensor of y go in one launch:
//   segment i of projection p is segments[p * perProjection + i], with the same rows for every p. Rank 0: no such
//   target.
//   drop_g: ops/dropout.h, the same mask in both directions. Segments may share gradients: they are added in segment
//   order.
//   A sum's order is fixed by the segment's own rows: neither neighbours nor the grid change a bit of any result.
//   Over places of experts (ops/route.h) all rows are places, and the A_g and B_g of all experts lie one after another.
//   Tables are made of the run's rows; a segment's rows at an expert, at most as many, are found on the device, so that
//   a launch depends on sizes alone. No dropout there, and segments do not share gradients. NMSE against the reference:
//   1e-5 Source: Hu et al. 2021; row segments in one launch: Chen et al. 2023 (Punica); PEFT's y = W x + b + scale B A
//   drop(x)
#pragma once

#include <cstdint>
#include <vector>

#include "ops/bf16.h"

namespace loratwin::cuda {

template <class Store>
struct LoraSegmentT {
  std::int32_t rowStart;
  std::int32_t rowEnd;
  std::int32_t rank;
  std::int32_t outFeatures;  // N
  std::int32_t column;       // of y and dy
  std::int32_t lds;
  const Store* a;
  const Store* b;
  Store* s;   // [T, lds] of its projection
  Store* ds;  // likewise; backward only
  float* da;  // backward only
  float* db;
  float scale;
  float keepScale;              // 1 / (1 - p)
  std::uint32_t dropThreshold;  // ops::dropoutThreshold(p); 0: no dropout
  std::uint32_t seed[2];
  std::uint32_t target;
};
using LoraSegment = LoraSegmentT<ops::Bf16>;

// The stride of B of a rank, and the least of s.
constexpr std::int32_t ldb(std::int32_t rank) { return (rank + 7) / 8 * 8; }

constexpr std::int32_t kLoraRows = 64;  // of a tile

// Rows row .. row + kLoraRows, as far as the segment reaches.
struct LoraTile {
  std::int32_t segment;
  std::int32_t row;
};

// All tiles of segments[0 .. count] that have a target; for lora_dsa, those of the first projection's rows.
std::vector<LoraTile> loraTiles(const LoraSegment* segments, std::int32_t count);
std::vector<LoraTile> loraRowTiles(const LoraSegment* segments, std::int32_t perProjection);

constexpr std::int32_t kGradientRows = 512;  // of a part of a gradient's sum

struct LoraGradientTile {
  std::int32_t segment;
  std::int32_t rowStart;
  std::int32_t rowEnd;
  bool ofB;
  std::int64_t partial;  // place of its part in the scratch
};

// gradient [rows, columns] stride += parts 0 .. count, each of rows x stride
struct LoraGradientSum {
  float* gradient;
  std::int64_t partial;
  std::int32_t parts;
  std::int32_t rows;
  std::int32_t columns;
  std::int32_t stride;
};

struct LoraGradientPlan {
  std::vector<LoraGradientTile> tiles;
  std::vector<LoraGradientSum> sums;
  std::int64_t scratchFloats = 0;
  std::int32_t maxFeatures = 0;
  std::int64_t maxElements = 0;  // of a gradient
};

LoraGradientPlan loraGradientPlan(const LoraSegment* segments, std::int32_t count, std::int32_t inFeatures,
                                  std::int32_t lda);
// Over places: a tile for each gradient, whose rows at an expert are summed in one part, and no sums after it.
LoraGradientPlan loraPlacesPlan(const LoraSegment* segments, std::int32_t count, std::int32_t inFeatures);

struct LoraPlaces {
  const std::int32_t* order = nullptr;
  const std::int32_t* starts = nullptr;
  std::int32_t experts = 0;  // 0: rows are those of the run
  std::int32_t perRow = 1;
};

// What all five take; pointers are device memory.
template <class Store>
struct LoraRunT {
  const LoraSegmentT<Store>* segments;
  std::int32_t inFeatures;      // K
  std::int32_t lda;             // of A and dA
  const std::int32_t* rowKeys;  // [T], where there is dropout
  LoraPlaces places = {};
};
using LoraRun = LoraRunT<ops::Bf16>;

void lora_xa(const LoraRun& run, const LoraTile* tiles, std::int32_t tileCount, const ops::Bf16* x, std::int64_t ldx,
             void* stream);
void lora_dyb(const LoraRun& run, const LoraTile* tiles, std::int32_t tileCount, const ops::Bf16* dy, std::int64_t lddy,
              void* stream);
// maxFeatures: the largest N
void lora_sb(const LoraRun& run, const LoraTile* tiles, std::int32_t tileCount, std::int32_t maxFeatures, float* y,
             std::int64_t ldy, void* stream);
void lora_sb(const LoraRun& run, const LoraTile* tiles, std::int32_t tileCount, std::int32_t maxFeatures, ops::Bf16* y,
             std::int64_t ldy, void* stream);
// rowTiles: of loraRowTiles
void lora_dsa(const LoraRun& run, const LoraTile* rowTiles, std::int32_t tileCount, std::int32_t projections,
              std::int32_t perProjection, float* dx, std::int64_t lddx, void* stream);
void lora_dsa(const LoraRun& run, const LoraTile* rowTiles, std::int32_t tileCount, std::int32_t projections,
              std::int32_t perProjection, ops::Bf16* dx, std::int64_t lddx, void* stream);

struct LoraGradient {
  const LoraGradientTile* tiles;
  std::int32_t tileCount;
  const LoraGradientSum* sums;
  std::int32_t sumCount;
  std::int32_t maxFeatures;
  std::int64_t maxElements;
  float* scratch;  // [scratchFloats]
  const ops::Bf16* x;
  std::int64_t ldx;
  const ops::Bf16* dy;
  std::int64_t lddy;
};
void lora_dsx_dys(const LoraRun& run, const LoraGradient& op, void* stream);

}  // namespace loratwin::cuda
