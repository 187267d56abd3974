#include <cmath>

#include "cuda/rope.h"
#include "cuda/rows.h"

namespace loratwin::cuda {

namespace {

constexpr int kThreads = 256;

// The rotations of a row.
template <class Store>
SIMT_DEVICE const Rotation* turnsOf(const RopeT<Store>& op, std::int64_t row) {
  const std::int32_t position = op.positions[row];
  const bool isLong = op.longRotations != nullptr && op.ends[row] - (row - position) > op.longFrom;
  return (isLong ? op.longRotations : op.rotations) + static_cast<std::int64_t>(position) * op.turned;
}

template <class Store>
SIMT_DEVICE void turn(const RopeT<Store>& op, Rotation by, float& a, float& b) {
  const float cosine = op.factor * by.cosine;
  const float sine = op.factor * (op.inverse ? -by.sine : by.sine);
  const float turned = a * cosine - b * sine;
  b = b * cosine + a * sine;
  a = turned;
}

// A thread turns a chunk of one head's pairs.
template <class Store>
__global__ void __launch_bounds__(kThreads) rope_kernel(RopeT<Store> op) {
  const std::int64_t half = op.turned;
  const std::int64_t chunks = chunksOf(half);
  const std::int64_t place = globalThread();
  const std::int64_t row = place / (op.heads * chunks);
  if (row >= op.rows) return;
  const std::int64_t head = place / chunks % op.heads;
  const std::int64_t first = place % chunks * kChunk;
  const std::int64_t count = half - first;
  Store* const x = op.x + row * op.ld + op.column + head * op.headDim + first;
  const Rotation* const turns = turnsOf(op, row) + first;
  float a[kChunk];
  float b[kChunk];
  loadChunk(a, x, count);
  loadChunk(b, x + half, count);
  SIMT_UNROLL
  for (int i = 0; i < kChunk; ++i) {
    if (i >= count) break;
    turn(op, turns[i], a[i], b[i]);
  }
  storeChunk(x, a, count);
  storeChunk(x + half, b, count);
}

// A thread turns the pairs of a chunk of one head's columns.
template <class Store>
__global__ void __launch_bounds__(kThreads) rope_pairs_kernel(RopeT<Store> op) {
  const std::int64_t columns = 2 * std::int64_t{op.turned};
  const std::int64_t chunks = chunksOf(columns);
  const std::int64_t place = globalThread();
  const std::int64_t row = place / (op.heads * chunks);
  if (row >= op.rows) return;
  const std::int64_t head = place / chunks % op.heads;
  const std::int64_t first = place % chunks * kChunk;
  const std::int64_t count = columns - first;
  Store* const x = op.x + row * op.ld + op.column + head * op.headDim + first;
  const Rotation* const turns = turnsOf(op, row) + first / 2;
  float values[kChunk];
  loadChunk(values, x, count);
  SIMT_UNROLL
  for (int i = 0; i < kChunk; i += 2) {
    if (i >= count) break;
    turn(op, turns[i / 2], values[i], values[i + 1]);
  }
  storeChunk(x, values, count);
}

template <class Store>
void launchRope(const RopeT<Store>& op, void* stream) {
  if (op.rows == 0) return;
  const std::int64_t chunks = chunksOf(op.pairs ? 2 * std::int64_t{op.turned} : std::int64_t{op.turned});
  const LaunchShape shape{
      .blocks = blocksFor(std::int64_t{op.rows} * op.heads * chunks, kThreads), .threads = kThreads, .stream = stream};
  if (op.pairs) {
    launch("rope", rope_pairs_kernel<Store>, shape, op);
  } else {
    launch("rope", rope_kernel<Store>, shape, op);
  }
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
