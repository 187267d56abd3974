#include "cuda/attention_plain.h"

#include <type_traits>

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

// kKind of this and the kernels below: whether they heed the operator's kind and sinks. Asking for each costs
// registers.
template <bool kKind>
SIMT_DEVICE float scaleOf(const ops::AttentionKind& kind, const AttentionHeads& shape) {
  if (kKind && kind.scale != 0.0F) return kind.scale;
  return rsqrtf(static_cast<float>(shape.headDim));
}

template <bool kKind>
SIMT_DEVICE std::int64_t firstKey(const ops::AttentionKind& kind, std::int64_t row, std::int64_t position) {
  return row - position + (kKind ? kind.firstKey(position) : 0);
}

template <class Store, bool kKind>
__global__ void __launch_bounds__(kThreads) attention_plain_kernel(AttentionPlainT<Store> op) {
  const AttentionHeads& shape = op.shape;
  const Place at = placeOf(shape.heads, shape.headDim);
  if (at.row >= op.rows) return;
  const std::int64_t kvHead = at.head / (shape.heads / shape.kvHeads);
  const std::int64_t first = firstKey<kKind>(op.kind, at.row, op.positions[at.row]);
  const Store* const q = op.qkv + at.row * shape.ld + shape.qColumn + at.head * shape.headDim;
  const Store* const k = op.qkv + shape.kColumn + kvHead * shape.headDim;
  const Store* const v = op.qkv + shape.vColumn + kvHead * shape.headDim + at.column;
  const float scale = scaleOf<kKind>(op.kind, shape);
  float max = -INFINITY;
  float sum = 0.0F;
  if (kKind && op.sinks != nullptr) {
    max = op.sinks[at.head];
    sum = 1.0F;
  }
  float out[kChunk] = {};
  for (std::int64_t key = first; key <= at.row; ++key) {
    float score = scale * dot(q, k + key * shape.ld, shape.headDim);
    if (kKind && op.kind.softcap > 0.0F) score = op.kind.softcap * tanhf(score / op.kind.softcap);
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

template <bool kKind, class Store>
SIMT_DEVICE Weight weightOf(const AttentionPlainBackwardT<Store>& op, std::int64_t query, std::int64_t key,
                            std::int64_t head, std::int64_t kvHead) {
  const AttentionHeads& shape = op.shape;
  const std::int64_t wide = head * shape.headDim;
  const std::int64_t narrow = kvHead * shape.headDim;
  const Store* const keyRow = op.qkv + key * shape.ld;
  float score = scaleOf<kKind>(op.kind, shape) *
                dot(op.qkv + query * shape.ld + shape.qColumn + wide, keyRow + shape.kColumn + narrow, shape.headDim);
  float slope = 1.0F;
  if (kKind && op.kind.softcap > 0.0F) {
    const float bent = tanhf(score / op.kind.softcap);
    score = op.kind.softcap * bent;
    slope -= bent * bent;
  }
  const float p = expf(score - op.lse[query * shape.heads + head]);
  const float dp = dot(op.dout + query * op.lddo + wide, keyRow + shape.vColumn + narrow, shape.headDim);
  const float ds = p * (dp - op.delta[query * shape.heads + head]);
  return {p, kKind ? ds * slope : ds};
}

template <class Store, bool kKind>
__global__ void __launch_bounds__(kThreads) attention_plain_query_kernel(AttentionPlainBackwardT<Store> op) {
  const AttentionHeads& shape = op.shape;
  const Place at = placeOf(shape.heads, shape.headDim);
  if (at.row >= op.rows) return;
  const std::int64_t kvHead = at.head / (shape.heads / shape.kvHeads);
  const Store* const k = op.qkv + shape.kColumn + kvHead * shape.headDim + at.column;
  const float scale = scaleOf<kKind>(op.kind, shape);
  const std::int64_t first = firstKey<kKind>(op.kind, at.row, op.positions[at.row]);
  float dq[kChunk] = {};
  for (std::int64_t key = first; key <= at.row; ++key) {
    const float ds = scale * weightOf<kKind>(op, at.row, key, at.head, kvHead).ds;
    float values[kChunk];
    loadChunk(values, k + key * shape.ld, at.count);
    SIMT_UNROLL
    for (int i = 0; i < kChunk; ++i) dq[i] += ds * values[i];
  }
  storeChunk(op.dqkv + at.row * op.ldd + shape.qColumn + at.head * shape.headDim + at.column, dq, at.count);
}

template <class Store, bool kKind>
__global__ void __launch_bounds__(kThreads, kKeyBlocks) attention_plain_key_kernel(AttentionPlainBackwardT<Store> op) {
  const AttentionHeads& shape = op.shape;
  const Place at = placeOf(shape.kvHeads, shape.headDim);
  if (at.row >= op.rows) return;
  const std::int64_t group = shape.heads / shape.kvHeads;
  const float scale = scaleOf<kKind>(op.kind, shape);
  std::int64_t end = op.ends[at.row];  // of the queries
  if constexpr (kKind) {
    const std::int64_t position = op.positions[at.row];
    const std::int64_t start = at.row - position;
    end = start + op.kind.lastQuery(position, end - start) + 1;
  }
  float dk[kChunk] = {};
  float dv[kChunk] = {};
  for (std::int64_t head = at.head * group; head < (at.head + 1) * group; ++head) {
    const std::int64_t column = head * shape.headDim + at.column;
    for (std::int64_t query = at.row; query < end; ++query) {
      const Weight weight = weightOf<kKind>(op, query, at.row, head, at.head);
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

// launchFor(kKind)
template <class Launch>
void withKind(const ops::AttentionKind& kind, bool sinks, Launch&& launchFor) {
  if (sinks || kind.scale != 0.0F || kind.softcap > 0.0F || kind.window > 0 || kind.chunk > 0) {
    launchFor(std::true_type{});
  } else {
    launchFor(std::false_type{});
  }
}

// A thread for each of `each` parts of every row.
LaunchShape shapeFor(std::int32_t rows, std::int64_t each, void* stream) {
  return {.blocks = blocksFor(rows * each, kThreads), .threads = kThreads, .stream = stream};
}

}  // namespace

template <class Store>
void attention_plain(const AttentionPlainT<Store>& op, void* stream) {
  if (op.rows == 0) return;
  withKind(op.kind, op.sinks != nullptr, [&](auto kind) {
    launch("attention_plain", attention_plain_kernel<Store, decltype(kind)::value>,
           shapeFor(op.rows, op.shape.heads * chunksOf(op.shape.headDim), stream), op);
  });
}

template <class Store>
void attention_plain_backward(const AttentionPlainBackwardT<Store>& op, void* stream) {
  if (op.rows == 0) return;
  const std::int64_t chunks = chunksOf(op.shape.headDim);
  launch("attention_plain_backward", attention_plain_delta_kernel<Store>, shapeFor(op.rows, op.shape.heads, stream),
         op);
  withKind(op.kind, false, [&](auto kind) {
    constexpr bool kKind = decltype(kind)::value;
    launch("attention_plain_backward", attention_plain_query_kernel<Store, kKind>,
           shapeFor(op.rows, op.shape.heads * chunks, stream), op);
    launch("attention_plain_backward", attention_plain_key_kernel<Store, kKind>,
           shapeFor(op.rows, op.shape.kvHeads * chunks, stream), op);
  });
}

template void attention_plain(const AttentionPlainT<float>&, void*);
template void attention_plain(const AttentionPlainT<Bf16>&, void*);
template void attention_plain_backward(const AttentionPlainBackwardT<float>&, void*);
template void attention_plain_backward(const AttentionPlainBackwardT<Bf16>&, void*);

}  // namespace loratwin::cuda
