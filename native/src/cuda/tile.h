// Products on tensor cores: tiles of bfloat16 in shared memory, fragments of m16n8k16, and the pipeline that feeds
// them.
//
// A tile is row major with 8 elements of padding a row: its rows start an odd number of 16-byte units apart, so that
// the eight rows that an ldmatrix reads lie in eight different groups of banks. Global rows must be 16-byte aligned:
// bases 16-byte aligned, leading dimensions multiples of 8; how many columns count is free.
#pragma once

#include "cuda/simt.h"

namespace loratwin::cuda {

constexpr int kTilePad = 8;
constexpr int kCopyElements = 8;  // of one cp.async

template <int kRows, int kColumns>
struct Tile {
  static constexpr int kStride = kColumns + kTilePad;
  static constexpr int kElements = kRows * kStride;
};

SIMT_DEVICE int laneOf() { return static_cast<int>(threadIdx.x) % kWarp; }
SIMT_DEVICE int warpOf() { return static_cast<int>(threadIdx.x) / kWarp; }

// body(row, column) for the first element of each piece of the tile that this thread copies.
template <int kRows, int kColumns, int kThreads, class Body>
SIMT_DEVICE void forOwnPieces(Body&& body) {
  constexpr int kPieces = kColumns / kCopyElements;
  for (int i = static_cast<int>(threadIdx.x); i < kRows * kPieces; i += kThreads) {
    body(i / kPieces, i % kPieces * kCopyElements);
  }
}

// Asynchronously: the first `rows` x `columns` of the source (leading dimension ld); zeros in the rest of the tile.
template <int kRows, int kColumns, int kThreads>
SIMT_DEVICE void copyTile(Bf16* tile, const Bf16* source, std::int64_t ld, std::int64_t rows, std::int64_t columns) {
  forOwnPieces<kRows, kColumns, kThreads>([&](int row, int column) {
    const std::int64_t left = row < rows ? columns - column : 0;
    const int elements = left >= kCopyElements ? kCopyElements : left > 0 ? static_cast<int>(left) : 0;
    const Bf16* const from = elements > 0 ? source + row * ld + column : source;
    cpAsync16(tile + row * Tile<kRows, kColumns>::kStride + column, from, elements * static_cast<int>(sizeof(Bf16)));
  });
}

// A's fragment [16 rows, 16 of k] of a tile [rows, k].
SIMT_DEVICE void loadA(std::uint32_t (&a)[4], const Bf16* corner, int stride) {
  const int lane = laneOf();
  ldmatrixX4(a, corner + lane % 16 * stride + lane / 16 * 8);
}

// The same of a tile [k, rows].
SIMT_DEVICE void loadATrans(std::uint32_t (&a)[4], const Bf16* corner, int stride) {
  const int lane = laneOf();
  ldmatrixX4Trans(a, corner + (lane % 8 + lane / 16 * 8) * stride + lane / 8 % 2 * 8);
}

// B's fragments [16 of k, 16 columns] of a tile [columns, k]: b[0], b[1] the first eight columns, b[2], b[3] the
// others.
SIMT_DEVICE void loadB(std::uint32_t (&b)[4], const Bf16* corner, int stride) {
  const int lane = laneOf();
  ldmatrixX4(b, corner + (lane % 8 + lane / 16 * 8) * stride + lane / 8 % 2 * 8);
}

// The same of a tile [k, columns].
SIMT_DEVICE void loadBTrans(std::uint32_t (&b)[4], const Bf16* corner, int stride) {
  const int lane = laneOf();
  ldmatrixX4Trans(b, corner + lane % 16 * stride + lane / 16 * 8);
}

// An element of a warp's sum[m][n][i] belongs to row 16 m + fragmentRow(i), column 8 n + fragmentColumn(i).
SIMT_DEVICE int fragmentRow(int i) { return laneOf() / 4 + i / 2 * 8; }
SIMT_DEVICE int fragmentColumn(int i) { return laneOf() % 4 * 2 + i % 2; }

// sum [kM, kN] += A [kM, kK] B [kK, kN] by warps of kWarpsM x kWarpsN; A's tile is [kM, kK] or transposed [kK, kM], B's
// is [kN, kK] or transposed [kK, kN], one behind the other in a stage.
template <int kM, int kN, int kK, int kWarpsM, int kWarpsN, bool kATrans, bool kBTrans>
struct Product {
  static constexpr int kThreads = kWarpsM * kWarpsN * kWarp;
  using TileA = Tile<kATrans ? kK : kM, kATrans ? kM : kK>;
  using TileB = Tile<kBTrans ? kK : kN, kBTrans ? kN : kK>;
  static constexpr int kStageElements = TileA::kElements + TileB::kElements;
  static constexpr int kWarpM = kM / kWarpsM;
  static constexpr int kWarpN = kN / kWarpsN;
  static constexpr int kTilesM = kWarpM / 16;
  static constexpr int kTilesN = kWarpN / 8;
  static_assert(kWarpM % 16 == 0 && kWarpN % 16 == 0 && kK % 16 == 0);

  float sum[kTilesM][kTilesN][4];

  SIMT_DEVICE int row0() const { return warpOf() % kWarpsM * kWarpM; }
  SIMT_DEVICE int column0() const { return warpOf() / kWarpsM * kWarpN; }

  SIMT_DEVICE void clear() {
    SIMT_UNROLL
    for (int m = 0; m < kTilesM; ++m) {
      SIMT_UNROLL
      for (int n = 0; n < kTilesN; ++n) {
        SIMT_UNROLL
        for (int i = 0; i < 4; ++i) sum[m][n][i] = 0.0F;
      }
    }
  }

  SIMT_DEVICE void addStage(const Bf16* stage) {
    const Bf16* const tileB = stage + TileA::kElements;
    SIMT_UNROLL
    for (int k = 0; k < kK; k += 16) {
      std::uint32_t a[kTilesM][4];
      SIMT_UNROLL
      for (int m = 0; m < kTilesM; ++m) {
        const int row = row0() + m * 16;
        if constexpr (kATrans) {
          loadATrans(a[m], stage + k * TileA::kStride + row, TileA::kStride);
        } else {
          loadA(a[m], stage + row * TileA::kStride + k, TileA::kStride);
        }
      }
      SIMT_UNROLL
      for (int n = 0; n < kTilesN; n += 2) {
        const int column = column0() + n * 8;
        std::uint32_t b[4];
        if constexpr (kBTrans) {
          loadBTrans(b, tileB + k * TileB::kStride + column, TileB::kStride);
        } else {
          loadB(b, tileB + column * TileB::kStride + k, TileB::kStride);
        }
        SIMT_UNROLL
        for (int m = 0; m < kTilesM; ++m) {
          mmaM16N8K16(sum[m][n], a[m], b[0], b[1]);
          mmaM16N8K16(sum[m][n + 1], a[m], b[2], b[3]);
        }
      }
    }
  }

  // body(row, column, values of two neighbours) for every pair of the sum that this thread holds.
  template <class Body>
  SIMT_DEVICE void forPairs(Body&& body) {
    SIMT_UNROLL
    for (int m = 0; m < kTilesM; ++m) {
      SIMT_UNROLL
      for (int n = 0; n < kTilesN; ++n) {
        SIMT_UNROLL
        for (int i = 0; i < 4; i += 2) {
          body(row0() + m * 16 + fragmentRow(i), column0() + n * 8 + fragmentColumn(i), sum[m][n][i], sum[m][n][i + 1]);
        }
      }
    }
  }
};

// product.sum += all steps. load(step, stage) issues the copies of a stage; prepare(step, stage) may change what this
// thread itself has copied. kStages - 1 stages are under way while one is multiplied, and a step has one barrier: the
// stage that is loaded anew is the one that everybody has left before it. Afterwards the shared memory is free for
// other use.
template <int kStages, class P, class Load, class Prepare>
SIMT_DEVICE void addSteps(P& product, Bf16* shared, int steps, Load&& load, Prepare&& prepare) {
  SIMT_UNROLL
  for (int step = 0; step < kStages - 1; ++step) {
    if (step < steps) load(step, shared + step * P::kStageElements);
    cpAsyncCommit();
  }
  for (int step = 0; step < steps; ++step) {
    Bf16* const stage = shared + step % kStages * P::kStageElements;
    cpAsyncWait<kStages - 2>();
    prepare(step, stage);
    __syncthreads();
    const int next = step + kStages - 1;
    if (next < steps) load(next, shared + next % kStages * P::kStageElements);
    cpAsyncCommit();
    product.addStage(stage);
  }
  __syncthreads();
}

}  // namespace loratwin::cuda
