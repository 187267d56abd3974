#include "cuda/attention_plain.h"

#include "cuda/rows.h"

namespace loratwin::cuda {

namespace {

constexpr int kThreads = 128;
// Blocks of the key kernel on a multiprocessor: asked for more of them by itself, ptxas spills for compute capability
// 10.0.
constexpr int kKeyBlocks = 4;

// Which row, head and columns of the head a thread has.
struct Place {
  std::int64_t row;
  std::int64_t head;
  std::int64_t column;
  std::int64_t count;  // of columns, at most kChunk
};

SIMT_DEVICE Place placeOf(std::int64_t heads, std::int64_t headDim) {
  const std::int64_t chunks = chunksOf(headDim);
  const std::int64_t thread = globalThread();
  const std::int64_t column = thread % chunks * kChunk;
  return {thread / chunks / heads, thread / chunks % heads, column, headDim - column};
}

template <class Left, class Right>
SIMT_DEVICE float dot(const Left* left, const Right* right, std::int64_t count) {
  float sum = 0.0F;
  for (std::int64_t i = 0; i < count; ++i) sum += f32(left[i]) * f32(right[i]);
  return sum;
}

SIMT_DEVICE float scaleOf(const AttentionHeads& shape) { return rsqrtf(static_cast<float>(shape.headDim)); }

template <class Store>
__global__ void __launch_bounds__(kThreads) attention_plain_kernel(AttentionPlainT<Store> op) {
  const AttentionHeads& shape = op.shape;
  const Place at = placeOf(shape.heads, shape.headDim);
  if (at.row >= op.rows) return;
  const std::int64_t kvHead = at.head / (shape.heads / shape.kvHeads);
  const std::int64_t first = at.row - op.positions[at.row];
  const Store* const q = op.qkv + at.row * shape.ld + shape.qColumn + at.head * shape.headDim;
  const Store* const k = op.qkv + shape.kColumn + kvHead * shape.headDim;
  const Store* const v = op.qkv + shape.vColumn + kvHead * shape.headDim + at.column;
  const float scale = scaleOf(shape);
  float max = -INFINITY;
  float sum = 0.0F;
  float out[kChunk] = {};
  for (std::int64_t key = first; key <= at.row; ++key) {
    const float score = scale * dot(q, k + key * shape.ld, shape.headDim);
    const float newMax = fmaxf(max, score);
    const float fade = expf(max - newMax);
    const float weight = expf(score - newMax);
    max = newMax;
    sum = sum * fade + weight;
    float values[kChunk];
    loadChunk(values, v + key * shape.ld, at.count);
    SIMT_UNROLL
    for (int i = 0; i < kChunk; ++i) out[i] = out[i] * fade + weight * values[i];
  }
  SIMT_UNROLL
  for (int i = 0; i < kChunk; ++i) out[i] /= sum;
  storeChunk(op.out + at.row * shape.ldo + at.head * shape.headDim + at.column, out, at.count);
  if (at.column == 0) op.lse[at.row * shape.heads + at.head] = max + logf(sum);
}

template <class Store>
__global__ void __launch_bounds__(kThreads) attention_plain_delta_kernel(AttentionPlainBackwardT<Store> op) {
  const AttentionHeads& shape = op.shape;
  const std::int64_t thread = globalThread();
  const std::int64_t row = thread / shape.heads;
  if (row >= op.rows) return;
  const std::int64_t column = thread % shape.heads * shape.headDim;
  op.delta[thread] = dot(op.dout + row * op.lddo + column, op.out + row * shape.ldo + column, shape.headDim);
}

// Softmax weight of (query, key), and the gradient of its score.
struct Weight {
  float p;
  float ds;
};

template <class Store>
SIMT_DEVICE Weight weightOf(const AttentionPlainBackwardT<Store>& op, std::int64_t query, std::int64_t key,
                            std::int64_t head, std::int64_t kvHead) {
  const AttentionHeads& shape = op.shape;
  const std::int64_t wide = head * shape.headDim;
  const std::int64_t narrow = kvHead * shape.headDim;
  const Store* const keyRow = op.qkv + key * shape.ld;
  const float score = scaleOf(shape) * dot(op.qkv + query * shape.ld + shape.qColumn + wide,
                                           keyRow + shape.kColumn + narrow, shape.headDim);
  const float p = expf(score - op.lse[query * shape.heads + head]);
  const float dp = dot(op.dout + query * op.lddo + wide, keyRow + shape.vColumn + narrow, shape.headDim);
  return {p, p * (dp - op.delta[query * shape.heads + head])};
}

template <class Store>
__global__ void __launch_bounds__(kThreads) attention_plain_query_kernel(AttentionPlainBackwardT<Store> op) {
  const AttentionHeads& shape = op.shape;
  const Place at = placeOf(shape.heads, shape.headDim);
  if (at.row >= op.rows) return;
  const std::int64_t kvHead = at.head / (shape.heads / shape.kvHeads);
  const Store* const k = op.qkv + shape.kColumn + kvHead * shape.headDim + at.column;
  const float scale = scaleOf(shape);
  float dq[kChunk] = {};
  for (std::int64_t key = at.row - op.positions[at.row]; key <= at.row; ++key) {
    const float ds = scale * weightOf(op, at.row, key, at.head, kvHead).ds;
    float values[kChunk];
    loadChunk(values, k + key * shape.ld, at.count);
    SIMT_UNROLL
    for (int i = 0; i < kChunk; ++i) dq[i] += ds * values[i];
  }
  storeChunk(op.dqkv + at.row * op.ldd + shape.qColumn + at.head * shape.headDim + at.column, dq, at.count);
}

template <class Store>
__global__ void __launch_bounds__(kThreads, kKeyBlocks) attention_plain_key_kernel(AttentionPlainBackwardT<Store> op) {
  const AttentionHeads& shape = op.shape;
  const Place at = placeOf(shape.kvHeads, shape.headDim);
  if (at.row >= op.rows) return;
  const std::int64_t group = shape.heads / shape.kvHeads;
  const float scale = scaleOf(shape);
  float dk[kChunk] = {};
  float dv[kChunk] = {};
  for (std::int64_t head = at.head * group; head < (at.head + 1) * group; ++head) {
    const std::int64_t column = head * shape.headDim + at.column;
    for (std::int64_t query = at.row; query < op.ends[at.row]; ++query) {
      const Weight weight = weightOf(op, query, at.row, head, at.head);
      float values[kChunk];
      loadChunk(values, op.qkv + query * shape.ld + shape.qColumn + column, at.count);
      SIMT_UNROLL
      for (int i = 0; i < kChunk; ++i) dk[i] += scale * weight.ds * values[i];
      loadChunk(values, op.dout + query * op.lddo + column, at.count);
      SIMT_UNROLL
      for (int i = 0; i < kChunk; ++i) dv[i] += weight.p * values[i];
    }
  }
  Store* const to = op.dqkv + at.row * op.ldd + at.head * shape.headDim + at.column;
  storeChunk(to + shape.kColumn, dk, at.count);
  storeChunk(to + shape.vColumn, dv, at.count);
}

// A thread for each of `each` parts of every row.
LaunchShape shapeFor(std::int32_t rows, std::int64_t each, void* stream) {
  return {.blocks = blocksFor(rows * each, kThreads), .threads = kThreads, .stream = stream};
}

}  // namespace

template <class Store>
void attention_plain(const AttentionPlainT<Store>& op, void* stream) {
  if (op.rows == 0) return;
  launch("attention_plain", attention_plain_kernel<Store>,
         shapeFor(op.rows, op.shape.heads * chunksOf(op.shape.headDim), stream), op);
}

template <class Store>
void attention_plain_backward(const AttentionPlainBackwardT<Store>& op, void* stream) {
  if (op.rows == 0) return;
  const std::int64_t chunks = chunksOf(op.shape.headDim);
  launch("attention_plain_backward", attention_plain_delta_kernel<Store>, shapeFor(op.rows, op.shape.heads, stream),
         op);
  launch("attention_plain_backward", attention_plain_query_kernel<Store>,
         shapeFor(op.rows, op.shape.heads * chunks, stream), op);
  launch("attention_plain_backward", attention_plain_key_kernel<Store>,
         shapeFor(op.rows, op.shape.kvHeads * chunks, stream), op);
}

template void attention_plain(const AttentionPlainT<float>&, void*);
template void attention_plain(const AttentionPlainT<Bf16>&, void*);
template void attention_plain_backward(const AttentionPlainBackwardT<float>&, void*);
template void attention_plain_backward(const AttentionPlainBackwardT<Bf16>&, void*);

}  // namespace loratwin::cuda
