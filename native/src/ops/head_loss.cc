#include "head_loss.h"

#include <algorithm>
#include <cstring>
#include <stdexcept>
#include <string>

#include "head_loss_rows.h"

namespace loratwin::ops {

namespace {

struct Tile {
  float* logits;
  float* x;
  float* dx;
  double* losses;
  std::int32_t* rows;
  std::int32_t* segments;

  Tile(float* scratch, std::size_t tileRows, std::size_t hidden, std::size_t vocabulary) {
    char* next = reinterpret_cast<char*>(scratch);
    const auto take = [&next](std::size_t bytes) {
      char* here = next;
      next += (bytes + 63) / 64 * 64;
      return here;
    };
    logits = reinterpret_cast<float*>(take(tileRows * vocabulary * sizeof(float)));
    x = reinterpret_cast<float*>(take(tileRows * hidden * sizeof(float)));
    dx = reinterpret_cast<float*>(take(tileRows * hidden * sizeof(float)));
    losses = reinterpret_cast<double*>(take(tileRows * sizeof(double)));
    rows = reinterpret_cast<std::int32_t*>(take(tileRows * sizeof(std::int32_t)));
    segments = reinterpret_cast<std::int32_t*>(take(tileRows * sizeof(std::int32_t)));
  }
};

void runTile(ExecContext& context, MatmulEngine& engine, const HeadLoss& op, const Tile& tile, std::int32_t count) {
  const std::int64_t H = op.weight->inFeatures();
  const std::int64_t V = op.weight->outFeatures();
  const std::size_t rowBytes = static_cast<std::size_t>(H) * sizeof(float);
  for (std::int32_t i = 0; i < count; ++i) std::memcpy(tile.x + i * H, op.x + tile.rows[i] * H, rowBytes);
  matmul(context, engine, {tile.x, H, op.weight, tile.logits, V, nullptr, nullptr, 0, count});
  context.parallelFor(static_cast<std::size_t>(count), [&](std::size_t begin, std::size_t end, int) {
    for (std::size_t i = begin; i < end; ++i) {
      tile.losses[i] = head_loss_row(tile.logits + static_cast<std::int64_t>(i) * V, V, op.targets[tile.rows[i]],
                                     op.segments[tile.segments[i]].lossScale, op.dx != nullptr);
    }
  });
  for (std::int32_t i = 0; i < count; ++i) op.losses[tile.segments[i]] += tile.losses[i];
  if (op.dx == nullptr) return;
  matmul_backward(context, engine, {tile.logits, V, op.weight, tile.dx, H, count});
  for (std::int32_t i = 0; i < count; ++i) std::memcpy(op.dx + tile.rows[i] * H, tile.dx + i * H, rowBytes);
}

}  // namespace

void head_loss(ExecContext& context, MatmulEngine& engine, const HeadLoss& op) {
  const std::int32_t V = op.weight->outFeatures();
  const std::size_t H = static_cast<std::size_t>(op.weight->inFeatures());
  for (std::int32_t t = 0; t < op.rows; ++t) {
    if (op.targets[t] < -1 || op.targets[t] >= V) {
      throw std::invalid_argument("head_loss: Expected targets of -1 .. " + std::to_string(V - 1) + ", got " +
                                  std::to_string(op.targets[t]) + " at row " + std::to_string(t) + " of [" +
                                  std::to_string(op.rows) + "]");
    }
  }
  const Tile tile(op.logits, static_cast<std::size_t>(op.tileRows), H, static_cast<std::size_t>(V));
  if (op.dx != nullptr) std::memset(op.dx, 0, static_cast<std::size_t>(op.rows) * H * sizeof(float));
  std::int32_t filled = 0;
  for (std::int32_t g = 0; g < op.segmentCount; ++g) {
    op.losses[g] = 0;
    for (std::int32_t t = op.segments[g].rowStart; t < op.segments[g].rowEnd; ++t) {
      if (op.targets[t] < 0) continue;
      tile.rows[filled] = t;
      tile.segments[filled] = g;
      if (++filled == op.tileRows) {
        runTile(context, engine, op, tile, filled);
        filled = 0;
      }
    }
  }
  if (filled > 0) runTile(context, engine, op, tile, filled);
}

}  // namespace loratwin::ops
