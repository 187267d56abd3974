#include <algorithm>
#include <string>
#include <vector>

#include "cuda/attention.h"
#include "cuda/cached_attention.h"
#include "kernel_cases.h"
#include "random_buffer.h"
#include "timing.h"

namespace loratwin::gpu {

using ops::Bf16;

namespace {

// The keys that all queries of a head see.
double seenKeys(std::int32_t sequences, std::int32_t length, std::int32_t window) {
  if (window == 0) return product(sequences, length, length) / 2;
  const double seen = std::min(window, length);
  return sequences * (length * seen - seen * (seen - 1) / 2);
}

// `of`: what follows the kernels' names.
void timeAttention(std::int32_t sequences, std::int32_t length, std::int32_t heads, std::int32_t kvHeads,
                   std::int32_t headDim, const ops::AttentionKind& kind = {}, const std::string& of = "") {
  const std::int32_t T = sequences * length;
  std::vector<std::int32_t> offsets;
  for (std::int32_t i = 0; i <= sequences; ++i) offsets.push_back(i * length);
  const std::vector<cuda::AttentionTile> queries = cuda::attentionQueryTiles(offsets.data(), sequences);
  const std::vector<cuda::AttentionTile> keys = cuda::attentionKeyTiles(offsets.data(), sequences);
  const DeviceBuffer<cuda::AttentionTile> queryTiles(queries, "query tiles");
  const DeviceBuffer<cuda::AttentionTile> keyTiles(keys, "key tiles");
  const std::int32_t width = heads * headDim;
  const std::int32_t ld = width + 2 * kvHeads * headDim;
  const cuda::AttentionHeads shape{ld, 0, width, width + kvHeads * headDim, width, heads, kvHeads, headDim};
  const RandomBuffer<Bf16> qkv(elements(T, ld), "qkv");
  const RandomBuffer<Bf16> dqkv(elements(T, ld), "dqkv");
  const RandomBuffer<Bf16> out(elements(T, width), "out");
  const RandomBuffer<Bf16> dout(elements(T, width), "dout");
  const DeviceBuffer<float> lse(elements(T, heads), "lse");
  const DeviceBuffer<float> delta(elements(T, heads), "delta");
  const std::int32_t queryCount = static_cast<std::int32_t>(queries.size());
  const std::int32_t keyCount = static_cast<std::int32_t>(keys.size());
  const double qkvBytes = product(2, T, ld);
  const double outBytes = product(2, T, width);
  const double products = seenKeys(sequences, length, kind.window) * width;
  const std::string fields = "\"sequences\":" + std::to_string(sequences) + ",\"length\":" + std::to_string(length) +
                             ",\"headDim\":" + std::to_string(headDim) +
                             (kind.window > 0 ? ",\"window\":" + std::to_string(kind.window) : "");
  measure(
      "attention" + of, qkvBytes + outBytes, 4 * products,
      [&] {
        cuda::attention({queryTiles.data(), queryCount, shape, qkv.data(), out.data(), lse.data(), kind}, nullptr);
      },
      fields);
  // Inputs are read by the kernel of dQ and by that of dK and dV.
  measure(
      "attention_backward" + of, 3 * qkvBytes + 4 * outBytes, 14 * products,
      [&] {
        cuda::attention_backward({queryTiles.data(), queryCount, keyTiles.data(), keyCount, shape, T, qkv.data(),
                                  out.data(), dout.data(), lse.data(), delta.data(), dqkv.data(), kind},
                                 nullptr);
      },
      fields);
}

// The next token of each sequence, of which so many are in the cache.
void timeCached(std::int32_t sequences, std::int32_t length, std::int32_t heads, std::int32_t kvHeads,
                std::int32_t headDim) {
  std::vector<cuda::CachedRow> rows;
  for (std::int32_t i = 0; i < sequences; ++i) rows.push_back({i * length, length - 1});
  const DeviceBuffer<cuda::CachedRow> places(rows, "places");
  const std::int32_t width = heads * headDim;
  const std::int32_t ldc = 2 * kvHeads * headDim;
  const std::int32_t ld = width + ldc;
  const cuda::AttentionHeads shape{ld, 0, width, width + kvHeads * headDim, width, heads, kvHeads, headDim};
  const RandomBuffer<Bf16> qkv(elements(sequences, ld), "qkv");
  const RandomBuffer<Bf16> cache(elements(sequences * length, ldc), "cache");
  const RandomBuffer<Bf16> out(elements(sequences, width), "out");
  const double seen = product(sequences, length);
  measure(
      "cached_attention", 2 * seen * ldc, 4 * seen * width,
      [&] {
        cuda::cached_attention(
            cuda::CachedAttentionT<Bf16>{places.data(), shape, sequences, qkv.data(), cache.data(), ldc, out.data()},
            nullptr);
      },
      "\"sequences\":" + std::to_string(sequences) + ",\"length\":" + std::to_string(length) +
          ",\"headDim\":" + std::to_string(headDim));
}

}  // namespace

void attentionCases(const Shape& shape) {
  timeAttention(shape.sequences, shape.length, shape.heads, shape.kvHeads, shape.headDim);
  const std::int32_t tokens = shape.lengths.back();
  for (const std::int32_t headDim : {shape.headDim / 2, shape.headDim}) {
    for (const std::int32_t length : shape.lengths) {
      timeAttention(tokens / length, length, shape.heads, shape.kvHeads, headDim);
    }
  }
  // As Gemma 2 has them: half as many heads of twice as many columns, scores capped, and a window in every other layer.
  const std::int32_t heads = shape.heads / 2;
  const std::int32_t kvHeads = shape.kvHeads / 2;
  timeAttention(1, tokens, heads, kvHeads, 2 * shape.headDim, {0.0625F, 50.0F}, " of wide heads");
  timeAttention(1, tokens, heads, kvHeads, 2 * shape.headDim, {0.0625F, 50.0F, shape.length}, " of wide heads");
  for (const std::int32_t length : {shape.lengths.front(), tokens}) {
    timeCached(tokens / length, length, shape.heads, shape.kvHeads, shape.headDim);
  }
}

}  // namespace loratwin::gpu
