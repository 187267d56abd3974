#include "cuda/dequantize.h"

#include "cuda/rows.h"

namespace loratwin::cuda {

namespace {

constexpr int kThreads = 256;
// Chunks of a thread, a block's threads apart: enough loads on their way.
constexpr int kChunksEach = 4;

using ops::Quantization;

// The table from constants in the code: an array of them has no address on a device.
template <int kCode>
SIMT_DEVICE void fillTable(float* table) {
  constexpr float value = ops::kNf4[kCode];
  if (threadIdx.x == kCode) table[kCode] = value;
  if constexpr (kCode < 15) fillTable<kCode + 1>(table);
}

// Eight codes, or sixteen halves of which eight are this chunk's.
SIMT_DEVICE void loadBytes(std::uint32_t (&bytes)[kChunk], const std::uint8_t* from) {
  const uint2 words = loadVector<uint2>(from);
  SIMT_UNROLL
  for (int i = 0; i < 4; ++i) {
    bytes[i] = words.x >> 8 * i & 0xffU;
    bytes[4 + i] = words.y >> 8 * i & 0xffU;
  }
}

template <Quantization kFormat>
SIMT_DEVICE void loadValues(float (&values)[kChunk], const ops::QuantizedView& w, std::int64_t n, std::int64_t k,
                            const float* table) {
  const std::uint8_t* const codes = w.codes + n * w.layout.rowBytes();
  std::uint32_t bytes[kChunk];
  if constexpr (kFormat == Quantization::int8) {
    loadBytes(bytes, codes + k);
    const float scale = w.scales[n];
    SIMT_UNROLL
    for (int i = 0; i < kChunk; ++i) {
      values[i] = static_cast<float>(static_cast<std::int8_t>(bytes[i])) * scale;
    }
  } else {
    // Of 32 codes, 0 .. 15 are the low halves of 16 bytes and 16 .. 31 the high ones.
    loadBytes(bytes, codes + k / 32 * 16 + k % 16);
    const int shift = k % 32 < 16 ? 0 : 4;
    const std::int64_t block = (n * w.layout.rowCodes() + k) / ops::kQuantBlock;
    const float absmax =
        fmaf(static_cast<float>(w.absmax[block]), w.scales[1 + block / ops::kQuantSuperBlock], w.scales[0]);
    SIMT_UNROLL
    for (int i = 0; i < kChunk; ++i) values[i] = table[bytes[i] >> shift & 15U] * absmax;
  }
}

template <Quantization kFormat>
__global__ void __launch_bounds__(kThreads) dequantize_kernel(Dequantize op) {
  SIMT_SHARED(float, table, [16]);
  if constexpr (kFormat == Quantization::nf4) {
    fillTable<0>(table);
    __syncthreads();
  }
  // 32 bits, for a division that costs less than the chunk's memory; enough for 2^35 weights.
  const std::uint32_t chunks = static_cast<std::uint32_t>(chunksOf(op.columns));
  const std::uint32_t first = blockIdx.x * (kThreads * kChunksEach) + threadIdx.x;
  SIMT_UNROLL
  for (int each = 0; each < kChunksEach; ++each) {
    const std::uint32_t place = first + static_cast<std::uint32_t>(each * kThreads);
    const std::int64_t row = place / chunks;
    if (row >= op.rows) return;
    const std::int64_t column = std::int64_t{place % chunks} * kChunk;
    float values[kChunk];
    loadValues<kFormat>(values, op.weight, op.firstRow + row, op.firstColumn + column, table);
    storeChunk(op.out + row * op.ldo + column, values, op.columns - column);
  }
}

}  // namespace

void dequantize(const Dequantize& op, void* stream) {
  const std::int64_t chunks = op.rows * chunksOf(op.columns);
  if (chunks == 0) return;
  const LaunchShape shape{.blocks = blocksFor(chunks, kThreads * kChunksEach), .threads = kThreads, .stream = stream};
  if (op.weight.layout.format == Quantization::int8) {
    launch("dequantize_int8", dequantize_kernel<Quantization::int8>, shape, op);
  } else {
    launch("dequantize_nf4", dequantize_kernel<Quantization::nf4>, shape, op);
  }
}

}  // namespace loratwin::cuda
