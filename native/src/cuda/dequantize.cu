#include "cuda/dequantize.h"

#include "cuda/quantized_chunk.h"

namespace loratwin::cuda {

namespace {

constexpr int kThreads = 256;
// Chunks of a thread, a block's threads apart: enough loads on their way.
constexpr int kChunksEach = 4;

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
