#include "head_loss.h"

#include <algorithm>
#include <cstring>
#include <initializer_list>
#include <stdexcept>
#include <string>

#include "head_loss_rows.h"

namespace loratwin::ops {

namespace {

struct Tile {
  float* logits;
  std::byte* x;  // the weight's type
  float* dx;
  double* losses;
  std::int32_t* rows;
  std::int32_t* segments;

  Tile(float* scratch, std::size_t tileRows, std::size_t hidden, std::size_t vocabulary, DType type) {
    char* next = reinterpret_cast<char*>(scratch);
    const auto take = [&next](std::size_t bytes) {
      char* here = next;
      next += (bytes + 63) / 64 * 64;
      return here;
    };
    logits = reinterpret_cast<float*>(take(tileRows * vocabulary * sizeof(float)));
    x = reinterpret_cast<std::byte*>(take(tileRows * hidden * sizeOf(type)));
    dx = reinterpret_cast<float*>(take(tileRows * hidden * sizeof(float)));
    losses = reinterpret_cast<double*>(take(tileRows * sizeof(double)));
    rows = reinterpret_cast<std::int32_t*>(take(tileRows * sizeof(std::int32_t)));
    segments = reinterpret_cast<std::int32_t*>(take(tileRows * sizeof(std::int32_t)));
  }
};

// A gradient's row keeps the place of its logits.
std::int64_t gradientStride(const PackedMatrix& weight) {
  const std::int64_t V = weight.outFeatures();
  return weight.dtype() == DType::bfloat16 ? 2 * V : V;
}

void runTile(ExecContext& context, MatmulEngine& engine, const HeadLoss& op, const Tile& tile, std::int32_t count,
             bool isGraded) {
  const std::int64_t H = op.weight->inFeatures();
  const std::int64_t V = op.weight->outFeatures();
  const DType type = op.weight->dtype();
  const std::size_t rowBytes = static_cast<std::size_t>(H) * sizeOf(type);
  const std::byte* const x = static_cast<const std::byte*>(op.x);
  for (std::size_t i = 0; i < static_cast<std::size_t>(count); ++i) {
    std::memcpy(tile.x + i * rowBytes, x + static_cast<std::size_t>(tile.rows[i]) * rowBytes, rowBytes);
  }
  matmul(context, engine, {tile.x, H, op.weight, tile.logits, DType::float32, V, nullptr, nullptr, 0, count});
  const RowGradient gradient = !isGraded                 ? RowGradient::none
                               : type == DType::bfloat16 ? RowGradient::bfloat16
                                                         : RowGradient::float32;
  context.parallelFor(static_cast<std::size_t>(count), [&](std::size_t begin, std::size_t end, int) {
    for (std::size_t i = begin; i < end; ++i) {
      tile.losses[i] = head_loss_row(tile.logits + static_cast<std::int64_t>(i) * V, V, op.targets[tile.rows[i]],
                                     op.segments[tile.segments[i]].lossScale, gradient, op.kind);
    }
  });
  for (std::int32_t i = 0; i < count; ++i) op.losses[tile.segments[i]] += tile.losses[i];
  if (!isGraded) return;
  matmul_backward(context, engine,
                  {tile.logits, gradientStride(*op.weight), op.weight, tile.dx, DType::float32, H, count});
  const std::size_t gradientBytes = static_cast<std::size_t>(H) * sizeof(float);
  for (std::int32_t i = 0; i < count; ++i) std::memcpy(op.dx + tile.rows[i] * H, tile.dx + i * H, gradientBytes);
}

}  // namespace

void prepare_head_loss(MatmulEngine& engine, const PackedMatrix& weight, bool gradient) {
  const std::int64_t H = weight.inFeatures();
  const std::int64_t V = weight.outFeatures();
  prepare_matmul(engine, {nullptr, H, &weight, nullptr, DType::float32, V, nullptr, nullptr, 0, 0});
  if (!gradient) return;
  prepare_matmul_backward(engine, {nullptr, gradientStride(weight), &weight, nullptr, DType::float32, H, 0});
}

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
  const Tile tile(op.logits, static_cast<std::size_t>(op.tileRows), H, static_cast<std::size_t>(V), op.weight->dtype());
  if (op.dx != nullptr) std::memset(op.dx, 0, static_cast<std::size_t>(op.rows) * H * sizeof(float));
  // Rows with a gradient and rows without one are in tiles of their own.
  for (const bool isGraded : {true, false}) {
    std::int32_t filled = 0;
    const auto run = [&] {
      runTile(context, engine, op, tile, filled, isGraded);
      filled = 0;
    };
    for (std::int32_t g = 0; g < op.segmentCount; ++g) {
      if ((op.dx != nullptr && op.segments[g].lossScale != 0.0F) != isGraded) continue;
      op.losses[g] = 0;
      for (std::int32_t t = op.segments[g].rowStart; t < op.segments[g].rowEnd; ++t) {
        if (op.targets[t] < 0) continue;
        tile.rows[filled] = t;
        tile.segments[filled] = g;
        if (++filled == op.tileRows) run();
      }
    }
    if (filled > 0) run();
  }
}

}  // namespace loratwin::ops
