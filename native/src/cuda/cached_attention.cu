#include "cuda/cached_attention.h"

#include "cuda/rows.h"

namespace loratwin::cuda {

namespace {

constexpr int kThreads = 256;
constexpr int kWarps = kThreads / kWarp;
constexpr int kTile = 128;    // keys
constexpr int kKeyLanes = 8;  // of a key's product
constexpr int kKeysAtOnce = kThreads / kKeyLanes;
constexpr int kMostHeads = 8;  // of a block: each has a warp for its softmax
constexpr float kLog2E = 1.4426950408889634F;

static_assert(kMostHeads <= kWarps);

// Blocks on a multiprocessor: asked for more of them by itself, ptxas spills for compute capability 8.6 and 8.9.
constexpr int blocksAtOnce(int heads) { return heads == 1 ? 3 : heads < kMostHeads ? 2 : 1; }

// Up to this width a block has several heads, whose queries lie in shared memory.
constexpr std::int32_t kWideHead = kMaxCachedHeadDim / kMostHeads;

// How a kv head's work is divided among blocks, and what of a product is the exponent of 2 in softmax: factor product,
// or factor tanh(inner product) if it is capped.
struct Plan {
  std::int32_t headParts;
  std::int32_t columnParts;  // each of kThreads chunks
  bool capped;
  float factor;
  float inner;

  Plan(const AttentionHeads& shape, const ops::AttentionKind& kind, std::int64_t heads)
      : headParts(static_cast<std::int32_t>((shape.heads / shape.kvHeads + heads - 1) / heads)),
        columnParts(static_cast<std::int32_t>((chunksOf(shape.headDim) + kThreads - 1) / kThreads)),
        capped(kind.softcap > 0.0F),
        factor((capped ? kind.softcap : kind.scaleOf(shape.headDim)) * kLog2E),
        inner(capped ? kind.scaleOf(shape.headDim) / kind.softcap : 0.0F) {}
  std::int64_t blocksOfRow(const AttentionHeads& shape) const {
    return std::int64_t{shape.kvHeads} * headParts * columnParts;
  }
};

template <class Store>
__global__ void __launch_bounds__(kThreads) store_keys_kernel(CachedAttentionT<Store> op) {
  const AttentionHeads& shape = op.shape;
  const std::int64_t width = std::int64_t{shape.kvHeads} * shape.headDim;
  const std::int64_t chunks = chunksOf(width);
  const std::int64_t row = globalThread() / (2 * chunks);
  if (row >= op.rows) return;
  const bool isValue = globalThread() / chunks % 2 == 1;
  const std::int64_t column = globalThread() % chunks * kChunk;
  const CachedRow place = op.places[row];
  float values[kChunk];
  loadChunk(values, op.qkv + row * shape.ld + (isValue ? shape.vColumn : shape.kColumn) + column, width - column);
  Store* const to = op.cache + (std::int64_t{place.start} + place.position) * op.ldc + (isValue ? width : 0);
  storeChunk(to + column, values, width - column);
}

template <class Store, int kHeads>
__global__ void __launch_bounds__(kThreads, blocksAtOnce(kHeads))
    cached_attention_kernel(CachedAttentionT<Store> op, Plan plan) {
  SIMT_SHARED(float, scores, [kHeads][kTile]);
  SIMT_SHARED(float, factors, [kHeads]);
  SIMT_SHARED(float, parts, [kThreads * kChunk]);
  SIMT_DYNAMIC_SHARED(float, queries);  // [kHeads, width]
  const AttentionHeads& shape = op.shape;
  const int thread = static_cast<int>(threadIdx.x);
  const int lane = thread % kWarp;
  const int warp = thread / kWarp;
  const std::int64_t D = shape.headDim;
  const std::int64_t allChunks = chunksOf(D);
  const std::int64_t width = allChunks * kChunk;
  const std::int64_t group = shape.heads / shape.kvHeads;

  std::int64_t block = blockIdx.x;
  const std::int64_t firstChunk = block % plan.columnParts * kThreads;
  block /= plan.columnParts;
  const std::int64_t headPart = block % plan.headParts;
  block /= plan.headParts;
  const std::int64_t kvHead = block % shape.kvHeads;
  const std::int64_t row = block / shape.kvHeads;
  const std::int64_t head = kvHead * group + headPart * kHeads;
  const std::int64_t left = group - headPart * kHeads;
  const int heads = left < kHeads ? static_cast<int>(left) : kHeads;
  const std::int64_t partChunks = allChunks - firstChunk;
  const int chunks = partChunks < kThreads ? static_cast<int>(partChunks) : kThreads;

  // Heads that are not there have queries of 0.
  for (std::int64_t i = thread; i < kHeads * allChunks; i += kThreads) {
    const std::int64_t own = i / allChunks;
    const std::int64_t column = i % allChunks * kChunk;
    float values[kChunk] = {};
    if (own < heads) {
      loadChunk(values, op.qkv + row * shape.ld + shape.qColumn + (head + own) * D + column, D - column);
    }
    storeChunk(queries + own * width + column, values, kChunk);
  }
  if (thread < kHeads) factors[thread] = 1.0F;
  // Of the warp's head: the highest exponent so far, and the sum relative to it.
  float max = -INFINITY;
  float sum = 0.0F;
  if (op.sinks != nullptr && warp < heads) {
    max = op.sinks[head + warp] * kLog2E;
    sum = 1.0F;
  }
  __syncthreads();

  const std::int64_t position = op.places[row].position;
  const std::int64_t first = op.kind.firstKey(position);
  const Store* const keys = op.cache + op.places[row].start * op.ldc + kvHead * D;
  const Store* const values = keys + shape.kvHeads * D + firstChunk * kChunk;
  const int slices = kThreads / chunks;
  const int slice = thread / chunks;
  const std::int64_t column = thread % chunks * kChunk;  // of the part
  float sums[kHeads][kChunk] = {};
  for (std::int64_t tile = first / kTile * kTile; tile <= position; tile += kTile) {
    // Keys of the tile that the query sees.
    const int from = first > tile ? static_cast<int>(first - tile) : 0;
    const int to = position + 1 - tile < kTile ? static_cast<int>(position + 1 - tile) : kTile;
    for (int base = from / kKeysAtOnce * kKeysAtOnce; base < to; base += kKeysAtOnce) {
      const int key = base + thread / kKeyLanes;
      const bool isSeen = key >= from && key < to;
      float dots[kHeads] = {};
      if (isSeen) {
        const Store* const own = keys + (tile + key) * op.ldc;
        for (std::int64_t chunk = lane % kKeyLanes; chunk < allChunks; chunk += kKeyLanes) {
          float k[kChunk];
          loadChunk(k, own + chunk * kChunk, D - chunk * kChunk);
          SIMT_UNROLL
          for (int h = 0; h < kHeads; ++h) {
            float q[kChunk];
            loadChunk(q, queries + h * width + chunk * kChunk, kChunk);
            SIMT_UNROLL
            for (int i = 0; i < kChunk; ++i) dots[h] += q[i] * k[i];
          }
        }
      }
      SIMT_UNROLL
      for (int h = 0; h < kHeads; ++h) {
        SIMT_UNROLL
        for (int distance = kKeyLanes / 2; distance > 0; distance /= 2) {
          dots[h] += __shfl_xor_sync(kAllLanes, dots[h], distance);
        }
        if (isSeen && lane % kKeyLanes == 0) scores[h][key] = dots[h];
      }
    }
    __syncthreads();
    if (warp < heads) {
      float own[kTile / kWarp];
      float most = max;
      SIMT_UNROLL
      for (int i = 0; i < kTile / kWarp; ++i) {
        const int key = lane + i * kWarp;
        own[i] = -INFINITY;
        if (key >= from && key < to) {
          const float score = scores[warp][key];
          own[i] = plan.factor * (plan.capped ? tanhf(plan.inner * score) : score);
        }
        most = fmaxf(most, own[i]);
      }
      most = warpMax(most);
      float total = 0.0F;
      SIMT_UNROLL
      for (int i = 0; i < kTile / kWarp; ++i) {
        own[i] = exp2Approximate(own[i] - most);
        total += own[i];
        scores[warp][lane + i * kWarp] = own[i];
      }
      const float fade = exp2Approximate(max - most);
      max = most;
      sum = sum * fade + warpSum(total);
      if (lane == 0) factors[warp] = fade;
    }
    __syncthreads();
    if (slice < slices) {
      SIMT_UNROLL
      for (int h = 0; h < kHeads; ++h) {
        const float fade = factors[h];
        SIMT_UNROLL
        for (int i = 0; i < kChunk; ++i) sums[h][i] *= fade;
      }
      int key = slice;
      if (from > slice) key += (from - slice + slices - 1) / slices * slices;
      for (; key < to; key += slices) {
        float v[kChunk];
        loadChunk(v, values + (tile + key) * op.ldc + column, D - firstChunk * kChunk - column);
        SIMT_UNROLL
        for (int h = 0; h < kHeads; ++h) {
          const float weight = scores[h][key];
          SIMT_UNROLL
          for (int i = 0; i < kChunk; ++i) sums[h][i] += weight * v[i];
        }
      }
    }
    __syncthreads();
  }

  if (warp < heads && lane == 0) factors[warp] = 1.0F / sum;
  SIMT_UNROLL
  for (int h = 0; h < kHeads; ++h) {
    if (h >= heads) break;
    if (slice < slices) storeChunk(parts + (slice * chunks * kChunk + column), sums[h], kChunk);
    __syncthreads();
    Store* const out = op.out + row * shape.ldo + (head + h) * D + firstChunk * kChunk;
    const std::int64_t columns = D - firstChunk * kChunk;
    for (int i = thread; i < chunks * kChunk; i += kThreads) {
      if (i >= columns) break;
      float total = 0.0F;
      for (int s = 0; s < slices; ++s) total += parts[s * chunks * kChunk + i];
      assign(out[i], total * factors[h]);
    }
    __syncthreads();
  }
}

template <class Store, int kHeads>
void launchAttention(const CachedAttentionT<Store>& op, void* stream) {
  const AttentionHeads& shape = op.shape;
  const Plan plan(shape, op.kind, kHeads);
  const auto shared = static_cast<std::size_t>(kHeads * chunksOf(shape.headDim) * kChunk) * sizeof(float);
  launch("cached_attention", cached_attention_kernel<Store, kHeads>,
         {.blocks = static_cast<unsigned>(op.rows * plan.blocksOfRow(shape)),
          .threads = kThreads,
          .sharedBytes = shared,
          .stream = stream},
         op, plan);
}

}  // namespace

template <class Store>
void cached_attention(const CachedAttentionT<Store>& op, void* stream) {
  if (op.rows == 0) return;
  const AttentionHeads& shape = op.shape;
  const std::int64_t chunks = chunksOf(std::int64_t{shape.kvHeads} * shape.headDim);
  launch("store_keys", store_keys_kernel<Store>,
         {.blocks = blocksFor(op.rows * 2 * chunks, kThreads), .threads = kThreads, .stream = stream}, op);
  const std::int32_t group = shape.heads / shape.kvHeads;
  if (group == 1 || shape.headDim > kWideHead) {
    launchAttention<Store, 1>(op, stream);
  } else if (group <= kMostHeads / 2) {
    launchAttention<Store, kMostHeads / 2>(op, stream);
  } else {
    launchAttention<Store, kMostHeads>(op, stream);
  }
}

template void cached_attention(const CachedAttentionT<float>&, void*);
template void cached_attention(const CachedAttentionT<Bf16>&, void*);

}  // namespace loratwin::cuda
