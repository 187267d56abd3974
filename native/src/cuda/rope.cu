#include <cmath>

#include "cuda/rope.h"
#include "cuda/rows.h"

namespace loratwin::cuda {

namespace {

constexpr int kThreads = 256;

// A thread turns a chunk of one head's pairs.
template <class Store>
__global__ void __launch_bounds__(kThreads) rope_kernel(RopeT<Store> op) {
  const std::int64_t half = op.headDim / 2;
  const std::int64_t chunks = chunksOf(half);
  const std::int64_t place = globalThread();
  const std::int64_t row = place / (op.heads * chunks);
  if (row >= op.rows) return;
  const std::int64_t head = place / chunks % op.heads;
  const std::int64_t first = place % chunks * kChunk;
  const std::int64_t count = half - first;
  Store* const x = op.x + row * op.ld + op.column + head * op.headDim + first;
  const Rotation* const turn = op.rotations + op.positions[row] * half + first;
  float a[kChunk];
  float b[kChunk];
  loadChunk(a, x, count);
  loadChunk(b, x + half, count);
  SIMT_UNROLL
  for (int i = 0; i < kChunk; ++i) {
    if (i >= count) break;
    const float cosine = turn[i].cosine;
    const float sine = op.inverse ? -turn[i].sine : turn[i].sine;
    const float turned = a[i] * cosine - b[i] * sine;
    b[i] = b[i] * cosine + a[i] * sine;
    a[i] = turned;
  }
  storeChunk(x, a, count);
  storeChunk(x + half, b, count);
}

template <class Store>
void launchRope(const RopeT<Store>& op, void* stream) {
  if (op.rows == 0) return;
  const unsigned blocks = blocksFor(std::int64_t{op.rows} * op.heads * chunksOf(op.headDim / 2), kThreads);
  launch("rope", rope_kernel<Store>, {.blocks = blocks, .threads = kThreads, .stream = stream}, op);
}

}  // namespace

std::vector<Rotation> rotations(const std::vector<float>& frequencies, std::int32_t positions) {
  std::vector<Rotation> table;
  for (std::int32_t position = 0; position < positions; ++position) {
    for (const float frequency : frequencies) {
      const double angle = static_cast<double>(position) * static_cast<double>(frequency);
      table.push_back({static_cast<float>(std::cos(angle)), static_cast<float>(std::sin(angle))});
    }
  }
  return table;
}

void rope(const Rope& op, void* stream) { launchRope(op, stream); }
void rope(const RopeBf16& op, void* stream) { launchRope(op, stream); }

}  // namespace loratwin::cuda
