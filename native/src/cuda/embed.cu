#include "cuda/embed.h"
#include "cuda/rows.h"

namespace loratwin::cuda {

namespace {

constexpr int kThreads = 256;

template <class Store>
__global__ void __launch_bounds__(kThreads) embed_kernel(EmbedT<Store> op) {
  const std::int64_t chunks = chunksOf(op.hidden);
  const std::int64_t place = globalThread();
  const std::int64_t row = place / chunks;
  if (row >= op.rows) return;
  const std::int64_t column = place % chunks * kChunk;
  float values[kChunk];
  loadChunk(values, op.table + static_cast<std::int64_t>(op.ids[row]) * op.hidden + column, op.hidden - column);
  if (op.scale != 1.0F) {
    SIMT_UNROLL
    for (int i = 0; i < kChunk; ++i) values[i] *= op.scale;
  }
  storeChunk(op.out + row * op.hidden + column, values, op.hidden - column);
}

template <class Store>
void launchEmbed(const EmbedT<Store>& op, void* stream) {
  if (op.rows == 0) return;
  const unsigned blocks = blocksFor(op.rows * chunksOf(op.hidden), kThreads);
  launch("embed", embed_kernel<Store>, {.blocks = blocks, .threads = kThreads, .stream = stream}, op);
}

}  // namespace

void embed(const Embed& op, void* stream) { launchEmbed(op, stream); }
void embed(const EmbedBf16& op, void* stream) { launchEmbed(op, stream); }

}  // namespace loratwin::cuda
