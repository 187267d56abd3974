#include "cuda/head_norm.h"
#include "cuda/rows.h"

namespace loratwin::cuda {

namespace {

using ops::HeadNormWeights;
using ops::NormedHeads;

constexpr int kThreads = 128;

// How a row is cut: q's norms, k's norms, then v in as many pieces as k.
struct Cut {
  std::int64_t qNorms;
  std::int64_t kNorms;
  std::int64_t qWidth;
  std::int64_t kWidth;
  int lanes;  // of a piece: a power of 2 up to a warp

  std::int64_t pieces() const { return qNorms + 2 * kNorms; }
};

Cut cutOf(const NormedHeads& c, bool whole) {
  const std::int64_t D = c.headDim;
  Cut cut = whole ? Cut{1, 1, c.heads * D, c.kvHeads * D, 1} : Cut{c.heads, c.kvHeads, D, D, 1};
  while (cut.lanes < kWarp && cut.lanes * kChunk < cut.qWidth) cut.lanes *= 2;
  return cut;
}

struct Piece {
  std::int64_t row;
  std::int64_t column;
  std::int64_t width;   // 0: beyond the last row
  const float* weight;  // null: 1
  bool isNorm;          // of q or k
};

// The piece of this thread's group of lanes.
SIMT_DEVICE Piece pieceOf(const NormedHeads& c, const HeadNormWeights<float>& weights, const Cut& cut,
                          std::int32_t rows) {
  const std::int64_t pieces = cut.qNorms + 2 * cut.kNorms;
  const std::int64_t group = globalThread() / cut.lanes;
  const std::int64_t row = group / pieces;
  const std::int64_t i = group % pieces;
  if (row >= rows) return {row, 0, 0, nullptr, false};
  if (i < cut.qNorms) return {row, c.q + i * cut.qWidth, cut.qWidth, weights.q, true};
  const std::int64_t j = i - cut.qNorms;
  if (j < cut.kNorms) return {row, c.k + j * cut.kWidth, cut.kWidth, weights.k, true};
  return {row, c.v + (j - cut.kNorms) * cut.kWidth, cut.kWidth, nullptr, false};
}

// The sum over a group of lanes, in each of them. All lanes of the warp take part.
SIMT_DEVICE float groupSum(float value, int lanes) {
  for (int distance = lanes / 2; distance > 0; distance /= 2) value += __shfl_xor_sync(kAllLanes, value, distance);
  return value;
}

SIMT_DEVICE std::int64_t firstColumn(int lanes) { return static_cast<std::int64_t>(threadIdx.x) % lanes * kChunk; }

SIMT_DEVICE void loadWeight(float (&values)[kChunk], const float* weight, std::int64_t column, std::int64_t count) {
  if (weight != nullptr) {
    loadChunk(values, weight + column, count);
    return;
  }
  SIMT_UNROLL
  for (int i = 0; i < kChunk; ++i) values[i] = 1.0F;
}

template <class Store>
__global__ void __launch_bounds__(kThreads) head_norm_kernel(HeadNormT<Store> op, Cut cut) {
  const Piece piece = pieceOf(op.columns, op.weights, cut, op.rows);
  const std::int64_t start = piece.row * op.ld + piece.column;
  const std::int64_t step = cut.lanes * kChunk;
  const std::int64_t normed = piece.isNorm ? piece.width : 0;
  float sum = 0.0F;
  for (std::int64_t column = firstColumn(cut.lanes); column < normed; column += step) {
    float values[kChunk];
    loadChunk(values, op.x + start + column, piece.width - column);
    SIMT_UNROLL
    for (int i = 0; i < kChunk; ++i) sum += values[i] * values[i];
  }
  sum = groupSum(sum, cut.lanes);
  const float rstd = piece.isNorm ? 1.0F / sqrtf(sum / static_cast<float>(piece.width) + op.weights.eps) : 1.0F;
  for (std::int64_t column = firstColumn(cut.lanes); column < piece.width; column += step) {
    const std::int64_t count = piece.width - column;
    float values[kChunk];
    float weight[kChunk];
    loadChunk(values, op.x + start + column, count);
    loadWeight(weight, piece.weight, column, count);
    SIMT_UNROLL
    for (int i = 0; i < kChunk; ++i) values[i] *= rstd * weight[i];
    storeChunk(op.y + start + column, values, count);
  }
}

template <class Store>
__global__ void __launch_bounds__(kThreads) head_norm_backward_kernel(HeadNormBackwardT<Store> op, Cut cut) {
  const Piece piece = pieceOf(op.columns, op.weights, cut, op.rows);
  const std::int64_t start = piece.row * op.ld + piece.column;
  const std::int64_t step = cut.lanes * kChunk;
  const std::int64_t normed = piece.isNorm ? piece.width : 0;
  float sum = 0.0F;
  float dot = 0.0F;
  for (std::int64_t column = firstColumn(cut.lanes); column < normed; column += step) {
    const std::int64_t count = piece.width - column;
    float x[kChunk];
    float dy[kChunk];
    float weight[kChunk];
    loadChunk(x, op.x + start + column, count);
    loadChunk(dy, op.dy + start + column, count);
    loadWeight(weight, piece.weight, column, count);
    SIMT_UNROLL
    for (int i = 0; i < kChunk; ++i) {
      sum += x[i] * x[i];
      dot += weight[i] * dy[i] * x[i];
    }
  }
  sum = groupSum(sum, cut.lanes);
  dot = groupSum(dot, cut.lanes);
  if (!piece.isNorm) {
    if (op.dx == op.dy) return;
    for (std::int64_t column = firstColumn(cut.lanes); column < piece.width; column += step) {
      float values[kChunk];
      loadChunk(values, op.dy + start + column, piece.width - column);
      storeChunk(op.dx + start + column, values, piece.width - column);
    }
    return;
  }
  const float rstd = 1.0F / sqrtf(sum / static_cast<float>(piece.width) + op.weights.eps);
  const float pull = dot / static_cast<float>(piece.width) * rstd * rstd;
  for (std::int64_t column = firstColumn(cut.lanes); column < piece.width; column += step) {
    const std::int64_t count = piece.width - column;
    float x[kChunk];
    float dy[kChunk];
    float weight[kChunk];
    loadChunk(x, op.x + start + column, count);
    loadChunk(dy, op.dy + start + column, count);
    loadWeight(weight, piece.weight, column, count);
    SIMT_UNROLL
    for (int i = 0; i < kChunk; ++i) dy[i] = rstd * (weight[i] * dy[i] - x[i] * pull);
    storeChunk(op.dx + start + column, dy, count);
  }
}

LaunchShape shapeOf(const Cut& cut, std::int32_t rows, void* stream) {
  return {.blocks = blocksFor(rows * cut.pieces() * cut.lanes, kThreads), .threads = kThreads, .stream = stream};
}

template <class Store>
void launchForward(const HeadNormT<Store>& op, void* stream) {
  if (op.rows == 0) return;
  const Cut cut = cutOf(op.columns, op.weights.whole);
  launch("head_norm", head_norm_kernel<Store>, shapeOf(cut, op.rows, stream), op, cut);
}

template <class Store>
void launchBackward(const HeadNormBackwardT<Store>& op, void* stream) {
  if (op.rows == 0) return;
  const Cut cut = cutOf(op.columns, op.weights.whole);
  launch("head_norm_backward", head_norm_backward_kernel<Store>, shapeOf(cut, op.rows, stream), op, cut);
}

}  // namespace

void head_norm(const HeadNorm& op, void* stream) { launchForward(op, stream); }
void head_norm(const HeadNormBf16& op, void* stream) { launchForward(op, stream); }
void head_norm_backward(const HeadNormBackward& op, void* stream) { launchBackward(op, stream); }
void head_norm_backward(const HeadNormBackwardBf16& op, void* stream) { launchBackward(op, stream); }

}  // namespace loratwin::cuda
