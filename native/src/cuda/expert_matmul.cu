#include "cuda/expert_matmul.h"

#include <type_traits>

#include "cuda/quantized_chunk.h"
#include "cuda/tile.h"

namespace loratwin::cuda {

namespace {

// How an expert's weights are kept.
enum class Kept { plain, int8, nf4 };

// An expert's rows, `count` at most.
struct ExpertRows {
  std::int32_t expert;
  std::int32_t first;
  std::int32_t count;  // 0: no such tile
};

// The tile of that index of all experts' tiles, each of kRows rows at most.
template <int kRows>
SIMT_DEVICE ExpertRows findRows(const std::int32_t* starts, std::int32_t experts, std::int64_t index) {
  for (std::int32_t expert = 0; expert < experts; ++expert) {
    const std::int32_t rows = starts[expert + 1] - starts[expert];
    const std::int32_t tiles = (rows + kRows - 1) / kRows;
    if (index < tiles) {
      const auto before = static_cast<std::int32_t>(index) * kRows;
      const std::int32_t left = rows - before;
      return {expert, starts[expert] + before, left < kRows ? left : kRows};
    }
    index -= tiles;
  }
  return {0, 0, 0};
}

template <Kept kKept>
constexpr ops::Quantization kFormat = kKept == Kept::int8 ? ops::Quantization::int8 : ops::Quantization::nf4;

// Row n, columns k .. k + 7 of the expert's weight, 0 outside.
template <Kept kKept, class Store>
SIMT_DEVICE void loadWeights(float (&values)[kChunk], const ExpertProductT<Store>& op, std::int32_t expert,
                             std::int64_t n, std::int64_t k, const float* table) {
  const std::int64_t count = n < op.outFeatures ? op.inFeatures - k : 0;
  if constexpr (kKept == Kept::plain) {
    const std::int64_t matrix = static_cast<std::int64_t>(expert) * op.outFeatures * op.inFeatures;
    loadChunk(values, op.weights + matrix + (count > 0 ? n * op.inFeatures + k : 0), count);
  } else {
    SIMT_UNROLL
    for (int i = 0; i < kChunk; ++i) values[i] = 0.0F;
    if (count <= 0) return;
    const std::size_t before = static_cast<std::size_t>(expert) * op.quantizedBytes;
    ops::QuantizedView view = op.quantized;
    view.codes += before;
    view.absmax += before;
    view.scales += before / sizeof(float);
    loadValues<kFormat<kKept>>(values, view, n, k, table);
    SIMT_UNROLL
    for (int i = 0; i < kChunk; ++i) values[i] = f32(bf16(values[i]));
  }
}

// Of float32, and of rows that are not aligned: a thread 4 x 4 elements of a tile.
constexpr int kTile = 64;
constexpr int kDepth = 16;
constexpr int kEach = 4;
constexpr int kPlainThreads = kTile / kEach * (kTile / kEach);

template <Kept kKept, bool kBackward, class Store>
__global__ void __launch_bounds__(kPlainThreads) expert_plain_kernel(ExpertProductT<Store> op) {
  SIMT_SHARED(float, table, [16]);
  SIMT_SHARED(float, left, [kTile][kDepth + 1]);
  SIMT_SHARED(float, right, [kDepth][kTile + 1]);
  const ExpertRows own = findRows<kTile>(op.starts, op.experts, static_cast<std::int64_t>(blockIdx.x));
  if (own.count == 0) return;
  if constexpr (kKept == Kept::nf4) {
    fillTable<0>(table);
    __syncthreads();
  }
  const std::int64_t depth = kBackward ? op.outFeatures : op.inFeatures;
  const std::int64_t columns = kBackward ? op.inFeatures : op.outFeatures;
  const std::int64_t column0 = static_cast<std::int64_t>(blockIdx.y) * kTile;
  const auto thread = static_cast<int>(threadIdx.x);
  const int row0 = thread / (kTile / kEach) * kEach;
  const int lane = thread % (kTile / kEach);  // columns lane, lane + 16, ..
  constexpr int kPieces = kTile * kDepth / kChunk;
  float sum[kEach][kEach] = {};
  for (std::int64_t step = 0; step < depth; step += kDepth) {
    for (int piece = thread; piece < 2 * kPieces; piece += kPlainThreads) {
      float values[kChunk];
      if (piece < kPieces) {
        const int row = piece / (kDepth / kChunk);
        const int k = piece % (kDepth / kChunk) * kChunk;
        const std::int64_t count = row < own.count ? depth - step - k : 0;
        loadChunk(values, op.x + (count > 0 ? (own.first + row) * op.ldx + step + k : 0), count);
        SIMT_UNROLL
        for (int i = 0; i < kChunk; ++i) left[row][k + i] = values[i];
      } else if constexpr (kBackward) {
        const int k = (piece - kPieces) / (kTile / kChunk);
        const int column = (piece - kPieces) % (kTile / kChunk) * kChunk;
        loadWeights<kKept>(values, op, own.expert, step + k, column0 + column, table);
        SIMT_UNROLL
        for (int i = 0; i < kChunk; ++i) right[k][column + i] = values[i];
      } else {
        const int column = (piece - kPieces) / (kDepth / kChunk);
        const int k = (piece - kPieces) % (kDepth / kChunk) * kChunk;
        loadWeights<kKept>(values, op, own.expert, column0 + column, step + k, table);
        SIMT_UNROLL
        for (int i = 0; i < kChunk; ++i) right[k + i][column] = values[i];
      }
    }
    __syncthreads();
    SIMT_UNROLL
    for (int k = 0; k < kDepth; ++k) {
      SIMT_UNROLL
      for (int i = 0; i < kEach; ++i) {
        SIMT_UNROLL
        for (int j = 0; j < kEach; ++j) sum[i][j] += left[row0 + i][k] * right[k][lane + j * (kTile / kEach)];
      }
    }
    __syncthreads();
  }
  for (int i = 0; i < kEach && row0 + i < own.count; ++i) {
    for (int j = 0; j < kEach; ++j) {
      const std::int64_t column = column0 + lane + j * (kTile / kEach);
      if (column >= columns) continue;
      const float bias = op.bias == nullptr ? 0.0F : op.bias[own.expert * columns + column];
      assign(op.y[(own.first + row0 + i) * op.ldy + column], sum[i][j] + bias);
    }
  }
}

// On tensor cores.
constexpr int kRows = 64;
constexpr int kColumns = 128;
constexpr int kStep = 32;
constexpr int kStages = 3;
template <bool kBackward>
using TensorProduct = Product<kRows, kColumns, kStep, 2, 2, false, kBackward>;
constexpr int kThreads = TensorProduct<false>::kThreads;

template <Kept kKept, bool kBackward>
__global__ void __launch_bounds__(kThreads) expert_tensor_kernel(ExpertProductBf16 op) {
  using P = TensorProduct<kBackward>;
  SIMT_SHARED(float, table, [16]);
  SIMT_DYNAMIC_SHARED(Bf16, shared);
  const ExpertRows own = findRows<kRows>(op.starts, op.experts, static_cast<std::int64_t>(blockIdx.x));
  if (own.count == 0) return;
  if constexpr (kKept == Kept::nf4) {
    fillTable<0>(table);
    __syncthreads();
  }
  const std::int64_t depth = kBackward ? op.outFeatures : op.inFeatures;
  const std::int64_t columns = kBackward ? op.inFeatures : op.outFeatures;
  const std::int64_t column0 = static_cast<std::int64_t>(blockIdx.y) * kColumns;
  // Of the right tile: [kStep, kColumns] backward, [kColumns, kStep] forward, as the weight's rows lie.
  constexpr int kHeight = kBackward ? kStep : kColumns;
  constexpr int kWidth = kBackward ? kColumns : kStep;
  P product;
  product.clear();
  addSteps<kStages>(
      product, shared, static_cast<int>((depth + kStep - 1) / kStep),
      [&](int step, Bf16* stage) {
        const std::int64_t k = static_cast<std::int64_t>(step) * kStep;
        copyTile<kRows, kStep, kThreads>(stage, op.x + own.first * op.ldx + k, op.ldx, own.count, depth - k);
        Bf16* const right = stage + P::TileA::kElements;
        const std::int64_t n0 = kBackward ? k : column0;
        const std::int64_t k0 = kBackward ? column0 : k;
        if constexpr (kKept == Kept::plain) {
          const Bf16* const matrix =
              op.weights + static_cast<std::int64_t>(own.expert) * op.outFeatures * op.inFeatures;
          copyTile<kHeight, kWidth, kThreads>(right, matrix + n0 * op.inFeatures + k0, op.inFeatures,
                                              op.outFeatures - n0, op.inFeatures - k0);
        } else {
          forOwnPieces<kHeight, kWidth, kThreads>([&](int row, int column) {
            float values[kChunk];
            loadWeights<kKept>(values, op, own.expert, n0 + row, k0 + column, table);
            storeChunk(right + row * Tile<kHeight, kWidth>::kStride + column, values, kChunk);
          });
        }
      },
      [](int, Bf16*) {});
  product.forPairs([&](int row, int column, float first, float second) {
    if (row >= own.count) return;
    Bf16* const y = op.y + (own.first + row) * op.ldy + column0 + column;
    const float* const bias = op.bias == nullptr ? nullptr : op.bias + own.expert * columns + column0 + column;
    const std::int64_t left = columns - column0 - column;
    if (left > 0) y[0] = bf16(first + (bias == nullptr ? 0.0F : bias[0]));
    if (left > 1) y[1] = bf16(second + (bias == nullptr ? 0.0F : bias[1]));
  });
}

// All tiles that there can be: of P rows, and one more of each expert that has some.
std::int64_t mostTiles(std::int32_t rows, std::int32_t experts, int height) {
  return rows / height + std::int64_t{rows < experts ? rows : experts};
}

bool isAligned(const ExpertProductBf16& op) {
  const auto address = reinterpret_cast<std::uintptr_t>(op.x) | reinterpret_cast<std::uintptr_t>(op.weights);
  return address % 16 == 0 && op.ldx % 8 == 0 && (op.weights == nullptr || op.inFeatures % 8 == 0);
}

template <Kept kKept, bool kBackward, class Store>
void launchPlain(const ExpertProductT<Store>& op, void* stream) {
  const std::int64_t columns = kBackward ? op.inFeatures : op.outFeatures;
  launch("expert_matmul", expert_plain_kernel<kKept, kBackward, Store>,
         {.blocks = static_cast<unsigned>(mostTiles(op.rows, op.experts, kTile)),
          .blocksY = blocksFor(columns, kTile),
          .threads = kPlainThreads,
          .stream = stream},
         op);
}

template <Kept kKept, bool kBackward, class Store>
void launchProduct(const ExpertProductT<Store>& op, void* stream) {
  if constexpr (std::is_same_v<Store, Bf16>) {
    if (isAligned(op)) {
      const std::int64_t columns = kBackward ? op.inFeatures : op.outFeatures;
      launch("expert_matmul", expert_tensor_kernel<kKept, kBackward>,
             {.blocks = static_cast<unsigned>(mostTiles(op.rows, op.experts, kRows)),
              .blocksY = blocksFor(columns, kColumns),
              .threads = kThreads,
              .sharedBytes = kStages * TensorProduct<kBackward>::kStageElements * sizeof(Bf16),
              .stream = stream},
             op);
      return;
    }
  }
  launchPlain<kKept, kBackward>(op, stream);
}

template <Kept kKept, class Store>
void launchDirection(const ExpertProductT<Store>& op, void* stream) {
  if (op.rows == 0) return;
  if (op.backward) {
    launchProduct<kKept, true>(op, stream);
  } else {
    launchProduct<kKept, false>(op, stream);
  }
}

}  // namespace

void expert_matmul(const ExpertProduct& op, void* stream) { launchDirection<Kept::plain>(op, stream); }

void expert_matmul(const ExpertProductBf16& op, void* stream) {
  if (op.weights != nullptr) {
    launchDirection<Kept::plain>(op, stream);
  } else if (op.quantized.layout.format == ops::Quantization::int8) {
    launchDirection<Kept::int8>(op, stream);
  } else {
    launchDirection<Kept::nf4>(op, stream);
  }
}

}  // namespace loratwin::cuda
