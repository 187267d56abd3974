#include "attention.h"

#include <atomic>
#include <cmath>

#include "tile_gemm.h"

namespace loratwin::ops::LORATWIN_ISA {

namespace {

constexpr std::int64_t kTile = static_cast<std::int64_t>(kAttentionTileRows);

std::int64_t longest(const Sequences& sequences) {
  std::int64_t length = 0;
  for (std::int32_t i = 0; i < sequences.count; ++i) {
    const std::int64_t rows = sequences.offsets[i + 1] - sequences.offsets[i];
    length = rows > length ? rows : length;
  }
  return length;
}

// Runs body(sequence, kvHead, thread) for every pair, whichever thread is free: units write disjoint outputs, so the
// bytes do not depend on who takes which. Even threads take from the front and odd ones from the back, so that with two
// threads most rows stay on the core whose share of the matmul's rows they were.
template <class Body>
void forEachUnit(ExecContext& context, const Sequences& sequences, std::int32_t kvHeads, Body body) {
  const std::uint64_t units = static_cast<std::uint64_t>(sequences.count) * static_cast<std::uint64_t>(kvHeads);
  std::atomic<std::uint64_t> left{units << 32};  // the units from the low half up to the high half
  context.parallelFor(static_cast<std::size_t>(context.threads()), [&](std::size_t, std::size_t, int thread) {
    std::uint64_t range = left.load();
    while (true) {
      const std::uint64_t first = range & 0xffffffffU;
      const std::uint64_t end = range >> 32;
      if (first == end) return;
      const bool front = thread % 2 == 0;
      if (!left.compare_exchange_weak(range, front ? (end << 32) | (first + 1) : ((end - 1) << 32) | first)) continue;
      const std::int32_t unit = static_cast<std::int32_t>(front ? first : end - 1);
      const std::int32_t sequence = unit / kvHeads;
      if (sequences.offsets[sequence] < sequences.offsets[sequence + 1]) body(sequence, unit % kvHeads, thread);
      range = left.load();
    }
  });
}

// scores [count] become exp(scale (score - max)) for the first `count` lanes and 0 up to `width`;
// returns the sum, max scaled in *top
float softmaxRow(float* scores, std::int64_t count, std::int64_t width, float scale, float* top) {
  const Vec low = set1(-3.0e38F);
  Vec highest = low;
  for (std::int64_t c = 0; c < count; c += kLanes) {
    const Mask m = firstLanes(count - c);
    highest = max(highest, elseLanes(m, load(scores + c, m), low));
  }
  *top = reduceMax(highest) * scale;
  const Vec factor = set1(scale);
  const Vec shift = set1(-*top);
  Vec sum{};
  for (std::int64_t c = 0; c < width; c += kLanes) {
    const Mask m = firstLanes(count - c);
    const Vec e = c < count ? keepLanes(m, exp(fma(load(scores + c, m), factor, shift))) : Vec{};
    sum = sum + e;
    store(scores + c, e, firstLanes(width - c));
  }
  return reduceAdd(sum);
}

}  // namespace

void attention(ExecContext& context, const Attention& op) {
  const std::int64_t D = op.headDim;
  const std::int64_t maxSequence = longest(op.sequences);
  const std::int64_t stride = static_cast<std::int64_t>(attentionTileStride(static_cast<std::size_t>(maxSequence)));
  const std::int64_t perThread = static_cast<std::int64_t>(
      attentionScratchBytes(1, static_cast<std::size_t>(maxSequence), static_cast<std::size_t>(D)) / sizeof(float));
  const float scale = 1.0F / __builtin_sqrtf(static_cast<float>(D));
  const std::int32_t group = op.heads / op.kvHeads;
  forEachUnit(context, op.sequences, op.kvHeads, [&](std::int32_t sequence, std::int32_t kvHead, int thread) {
    const std::int64_t start = op.sequences.offsets[sequence];
    const std::int64_t S = op.sequences.offsets[sequence + 1] - start;
    const float* rows = op.qkv + start * op.ld;
    float* kT = op.scratch + thread * perThread;
    float* v = kT + D * stride;
    float* scores = v + maxSequence * D;
    transpose(rows + op.kColumn + kvHead * D, op.ld, S, D, kT, stride);
    copyRows(rows + op.vColumn + kvHead * D, op.ld, S, D, v, D);
    for (std::int32_t h = kvHead * group; h < (kvHead + 1) * group; ++h) {
      for (std::int64_t first = 0; first < S; first += kTile) {
        const std::int64_t tile = S - first < kTile ? S - first : kTile;
        const std::int64_t keys = first + tile;
        tileGemm(tile, keys, D, rows + first * op.ld + op.qColumn + h * D, op.ld, 1, kT, stride, scores, stride, 1.0F,
                 false);
        float inverse[kTile];
        for (std::int64_t i = 0; i < tile; ++i) {
          float top = 0;
          const float sum = softmaxRow(scores + i * stride, first + i + 1, keys, scale, &top);
          inverse[i] = 1.0F / sum;
          op.lse[(start + first + i) * op.heads + h] = top + std::log(sum);
        }
        float* out = op.out + (start + first) * op.ldo + h * D;
        tileGemm(tile, D, keys, scores, stride, 1, v, D, out, op.ldo, 1.0F, false);
        for (std::int64_t i = 0; i < tile; ++i) {
          for (std::int64_t d = 0; d < D; d += kLanes) {
            const Mask m = firstLanes(D - d);
            store(out + i * op.ldo + d, load(out + i * op.ldo + d, m) * set1(inverse[i]), m);
          }
        }
      }
    }
  });
}

void attention_backward(ExecContext& context, const AttentionBackward& op) {
  const std::int64_t D = op.headDim;
  const std::int64_t maxSequence = longest(op.sequences);
  const std::int64_t stride = static_cast<std::int64_t>(attentionTileStride(static_cast<std::size_t>(maxSequence)));
  const std::int64_t perThread = static_cast<std::int64_t>(
      attentionBackwardScratchBytes(1, static_cast<std::size_t>(maxSequence), static_cast<std::size_t>(D)) /
      sizeof(float));
  const float scale = 1.0F / __builtin_sqrtf(static_cast<float>(D));
  const std::int32_t group = op.heads / op.kvHeads;
  forEachUnit(context, op.sequences, op.kvHeads, [&](std::int32_t sequence, std::int32_t kvHead, int thread) {
    const std::int64_t start = op.sequences.offsets[sequence];
    const std::int64_t S = op.sequences.offsets[sequence + 1] - start;
    const float* rows = op.qkv + start * op.ld;
    float* gradients = op.dqkv + start * op.ldd;
    float* kT = op.scratch + thread * perThread;
    float* vT = kT + D * stride;
    float* k = vT + D * stride;
    float* p = k + maxSequence * D;
    float* ds = p + kTile * stride;
    float* q = ds + kTile * stride;
    float* dout = q + kTile * D;
    transpose(rows + op.kColumn + kvHead * D, op.ld, S, D, kT, stride);
    transpose(rows + op.vColumn + kvHead * D, op.ld, S, D, vT, stride);
    copyRows(rows + op.kColumn + kvHead * D, op.ld, S, D, k, D);
    float* dk = gradients + op.kColumn + kvHead * D;
    float* dv = gradients + op.vColumn + kvHead * D;
    for (std::int64_t u = 0; u < S; ++u) {
      std::memset(dk + u * op.ldd, 0, static_cast<std::size_t>(D) * sizeof(float));
      std::memset(dv + u * op.ldd, 0, static_cast<std::size_t>(D) * sizeof(float));
    }
    for (std::int32_t h = kvHead * group; h < (kvHead + 1) * group; ++h) {
      for (std::int64_t first = 0; first < S; first += kTile) {
        const std::int64_t tile = S - first < kTile ? S - first : kTile;
        const std::int64_t keys = first + tile;
        copyRows(rows + first * op.ld + op.qColumn + h * D, op.ld, tile, D, q, D);
        copyRows(op.dout + (start + first) * op.lddo + h * D, op.lddo, tile, D, dout, D);
        tileGemm(tile, keys, D, q, D, 1, kT, stride, p, stride, 1.0F, false);
        tileGemm(tile, keys, D, dout, D, 1, vT, stride, ds, stride, 1.0F, false);
        for (std::int64_t i = 0; i < tile; ++i) {
          const std::int64_t row = start + first + i;
          Vec dot{};
          for (std::int64_t d = 0; d < D; d += kLanes) {
            const Mask m = firstLanes(D - d);
            dot = fma(load(op.out + row * op.ldo + h * D + d, m), load(dout + i * D + d, m), dot);
          }
          const Vec delta = set1(reduceAdd(dot));
          const Vec shift = set1(-op.lse[row * op.heads + h]);
          const Vec factor = set1(scale);
          const std::int64_t count = first + i + 1;
          for (std::int64_t c = 0; c < keys; c += kLanes) {
            const Mask m = firstLanes(count - c);
            float* pRow = p + i * stride + c;
            float* dsRow = ds + i * stride + c;
            const Vec prob = c < count ? keepLanes(m, exp(fma(load(pRow, m), factor, shift))) : Vec{};
            const Mask width = firstLanes(keys - c);
            store(dsRow, prob * (load(dsRow, width) - delta) * factor, width);
            store(pRow, prob, width);
          }
        }
        tileGemm(tile, D, keys, ds, stride, 1, k, D, gradients + first * op.ldd + op.qColumn + h * D, op.ldd, 1.0F,
                 false);
        tileGemm(keys, D, tile, ds, 1, stride, q, D, dk, op.ldd, 1.0F, true);
        tileGemm(keys, D, tile, p, 1, stride, dout, D, dv, op.ldd, 1.0F, true);
      }
    }
  });
}

}  // namespace loratwin::ops::LORATWIN_ISA
