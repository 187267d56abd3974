#include "cuda/token_rows.h"

#include "cuda/rows.h"

namespace loratwin::cuda {

namespace {

constexpr int kThreads = 256;

// The place of a token among ascending ones; -1: none of them.
SIMT_DEVICE std::int32_t placeOf(const std::int32_t* tokens, std::int32_t count, std::int32_t token) {
  std::int32_t first = 0;
  std::int32_t end = count;
  while (first < end) {
    const std::int32_t middle = first + (end - first) / 2;
    if (tokens[middle] < token) {
      first = middle + 1;
    } else {
      end = middle;
    }
  }
  return first < count && tokens[first] == token ? first : -1;
}

// Eight columns of a row of x, or of one of the adapter's.
struct Chunk {
  std::int64_t row;
  std::int64_t first;
  std::int64_t count;
};
SIMT_DEVICE Chunk chunkOf(std::int32_t hidden) {
  const std::int64_t chunks = chunksOf(hidden);
  const std::int64_t first = globalThread() % chunks * kChunk;
  return {globalThread() / chunks, first, hidden - first};
}

template <class Store>
__global__ void __launch_bounds__(kThreads)
    embed_tokens_kernel(TokenSegmentsT<Store> all, const std::int32_t* ids, float scale, float* out) {
  const TokenSegmentT<Store> segment = all.items[blockIdx.y];
  const Chunk own = chunkOf(all.hidden);
  const std::int64_t row = segment.rowStart + own.row;
  if (row >= segment.rowEnd) return;
  const std::int32_t j = placeOf(segment.tokens, segment.count, ids[row]);
  if (j < 0) return;
  float values[kChunk];
  loadChunk(values, segment.rows + std::int64_t{j} * all.ld + own.first, own.count);
  SIMT_UNROLL
  for (int i = 0; i < kChunk; ++i) values[i] *= scale;
  storeChunk(out + row * all.hidden + own.first, values, own.count);
}

template <class Store>
__global__ void __launch_bounds__(kThreads)
    embed_tokens_backward_kernel(TokenSegmentsT<Store> all, const std::int32_t* ids, float scale, const float* dx) {
  const TokenSegmentT<Store> segment = all.items[blockIdx.y];
  const Chunk own = chunkOf(all.hidden);
  if (own.row >= segment.count) return;
  const std::int32_t token = segment.tokens[own.row];
  float* const gradient = segment.gradients + own.row * all.ld + own.first;
  float sum[kChunk];
  loadChunk(sum, gradient, own.count);
  for (std::int64_t row = segment.rowStart; row < segment.rowEnd; ++row) {
    if (ids[row] != token) continue;
    float values[kChunk];
    loadChunk(values, dx + row * all.hidden + own.first, own.count);
    SIMT_UNROLL
    for (int i = 0; i < kChunk; ++i) sum[i] += scale * values[i];
  }
  storeChunk(gradient, sum, own.count);
}

// A warp for each row and token.
template <class Store>
__global__ void __launch_bounds__(kThreads) head_tokens_kernel(HeadTokensT<Store> op) {
  const TokenSegmentT<Store> segment = op.segments.items[blockIdx.y];
  const std::int64_t pair = globalThread() / kWarp;
  const std::int64_t lane = globalThread() % kWarp;
  const std::int64_t j = pair % op.segments.maxTokens;
  const std::int64_t row = segment.rowStart + pair / op.segments.maxTokens;
  if (row >= segment.rowEnd || j >= segment.count) return;
  float sum = 0.0F;
  for (std::int64_t h = lane; h < op.segments.hidden; h += kWarp) {
    sum += f32(op.x[row * op.segments.hidden + h]) * f32(segment.rows[j * op.segments.ld + h]);
  }
  sum = warpSum(sum);
  if (lane == 0) op.z[row * op.ldz + segment.tokens[j]] = sum;
}

template <class Store>
__global__ void __launch_bounds__(kThreads) head_tokens_take_kernel(HeadTokensT<Store> op) {
  const TokenSegmentT<Store> segment = op.segments.items[blockIdx.y];
  const std::int64_t j = globalThread() % op.segments.maxTokens;
  const std::int64_t row = segment.rowStart + globalThread() / op.segments.maxTokens;
  if (row >= segment.rowEnd || j >= segment.count) return;
  Store& dz = op.dz[row * op.ldz + segment.tokens[j]];
  op.g[row * op.ldg + j] = f32(dz);
  assign(dz, 0.0F);
}

template <class Store>
__global__ void __launch_bounds__(kThreads) head_tokens_dx_kernel(HeadTokensT<Store> op) {
  const TokenSegmentT<Store> segment = op.segments.items[blockIdx.y];
  const Chunk own = chunkOf(op.segments.hidden);
  const std::int64_t row = segment.rowStart + own.row;
  if (row >= segment.rowEnd) return;
  float* const to = op.dx + row * op.segments.hidden + own.first;
  float sum[kChunk];
  loadChunk(sum, to, own.count);
  for (std::int64_t j = 0; j < segment.count; ++j) {
    const float factor = op.g[row * op.ldg + j];
    float values[kChunk];
    loadChunk(values, segment.rows + j * op.segments.ld + own.first, own.count);
    SIMT_UNROLL
    for (int i = 0; i < kChunk; ++i) sum[i] += factor * values[i];
  }
  storeChunk(to, sum, own.count);
}

template <class Store>
__global__ void __launch_bounds__(kThreads) head_tokens_gradient_kernel(HeadTokensT<Store> op) {
  const TokenSegmentT<Store> segment = op.segments.items[blockIdx.y];
  const Chunk own = chunkOf(op.segments.hidden);
  if (own.row >= segment.count) return;
  float* const gradient = segment.gradients + own.row * op.segments.ld + own.first;
  float sum[kChunk];
  loadChunk(sum, gradient, own.count);
  for (std::int64_t row = segment.rowStart; row < segment.rowEnd; ++row) {
    const float factor = op.g[row * op.ldg + own.row];
    float values[kChunk];
    loadChunk(values, op.x + row * op.segments.hidden + own.first, own.count);
    SIMT_UNROLL
    for (int i = 0; i < kChunk; ++i) sum[i] += factor * values[i];
  }
  storeChunk(gradient, sum, own.count);
}

template <class Store>
LaunchShape shapeOf(const TokenSegmentsT<Store>& all, std::int64_t threads, void* stream) {
  return {.blocks = blocksFor(threads, kThreads),
          .blocksY = static_cast<unsigned>(all.count),
          .threads = kThreads,
          .stream = stream};
}

template <class Store>
bool isEmpty(const TokenSegmentsT<Store>& all) {
  return all.count == 0 || all.maxRows == 0;
}

}  // namespace

template <class Store>
void embed_tokens(const TokenSegmentsT<Store>& segments, const std::int32_t* ids, float scale, float* out,
                  void* stream) {
  if (isEmpty(segments)) return;
  const LaunchShape shape = shapeOf(segments, segments.maxRows * chunksOf(segments.hidden), stream);
  launch("embed_tokens", embed_tokens_kernel<Store>, shape, segments, ids, scale, out);
}

template <class Store>
void embed_tokens_backward(const TokenSegmentsT<Store>& segments, const std::int32_t* ids, float scale, const float* dx,
                           void* stream) {
  if (isEmpty(segments)) return;
  const LaunchShape shape = shapeOf(segments, segments.maxTokens * chunksOf(segments.hidden), stream);
  launch("embed_tokens_backward", embed_tokens_backward_kernel<Store>, shape, segments, ids, scale, dx);
}

template <class Store>
void head_tokens(const HeadTokensT<Store>& op, void* stream) {
  const TokenSegmentsT<Store>& all = op.segments;
  if (isEmpty(all)) return;
  launch("head_tokens", head_tokens_kernel<Store>,
         shapeOf(all, std::int64_t{all.maxRows} * all.maxTokens * kWarp, stream), op);
}

template <class Store>
void head_tokens_take(const HeadTokensT<Store>& op, void* stream) {
  const TokenSegmentsT<Store>& all = op.segments;
  if (isEmpty(all)) return;
  launch("head_tokens_take", head_tokens_take_kernel<Store>,
         shapeOf(all, std::int64_t{all.maxRows} * all.maxTokens, stream), op);
}

template <class Store>
void head_tokens_backward(const HeadTokensT<Store>& op, void* stream) {
  const TokenSegmentsT<Store>& all = op.segments;
  if (isEmpty(all)) return;
  const std::int64_t chunks = chunksOf(all.hidden);
  launch("head_tokens_dx", head_tokens_dx_kernel<Store>, shapeOf(all, all.maxRows * chunks, stream), op);
  launch("head_tokens_gradient", head_tokens_gradient_kernel<Store>, shapeOf(all, all.maxTokens * chunks, stream), op);
}

#define LORATWIN_TOKEN_ROWS(Store)                                                                                    \
  template void embed_tokens(const TokenSegmentsT<Store>&, const std::int32_t*, float, float*, void*);                \
  template void embed_tokens_backward(const TokenSegmentsT<Store>&, const std::int32_t*, float, const float*, void*); \
  template void head_tokens(const HeadTokensT<Store>&, void*);                                                        \
  template void head_tokens_take(const HeadTokensT<Store>&, void*);                                                   \
  template void head_tokens_backward(const HeadTokensT<Store>&, void*);
LORATWIN_TOKEN_ROWS(float)
LORATWIN_TOKEN_ROWS(Bf16)

}  // namespace loratwin::cuda
