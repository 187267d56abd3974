#include "expert_matmul.h"

#include <cstring>

#include "route.h"

namespace loratwin::ops {

namespace {

// One product: rows of the input, and of the output.
struct Rows {
  const std::byte* from;
  std::int64_t fromStride;
  std::byte* to;
  std::int64_t toStride;
  std::int32_t count;
};

// multiply(expert, Rows) for all experts that have any. `from` and `to` are so many columns wide.
template <class Multiply>
void forExperts(const Rows& all, std::int64_t from, std::int64_t to, DType type, std::size_t experts,
                const std::int32_t* starts, std::byte* scratch, Multiply multiply) {
  const std::int64_t size = static_cast<std::int64_t>(sizeOf(type));
  std::byte* const twoOut = scratch + Size(static_cast<std::size_t>(from) * 8).roundedUp(64).value();
  for (std::size_t e = 0; e < experts; ++e) {
    const std::int32_t count = starts[e + 1] - starts[e];
    const std::byte* const x = all.from + starts[e] * all.fromStride * size;
    std::byte* const y = all.to + starts[e] * all.toStride * size;
    if (count > 1) multiply(e, Rows{x, all.fromStride, y, all.toStride, count});
    if (count != 1) continue;
    const std::size_t bytes = static_cast<std::size_t>(from * size);
    std::memcpy(scratch, x, bytes);
    std::memcpy(scratch + bytes, x, bytes);
    multiply(e, Rows{scratch, from, twoOut, to, 2});
    std::memcpy(y, twoOut, static_cast<std::size_t>(to * size));
  }
}

}  // namespace

void prepare_expert_matmul(MatmulEngine& engine, const ExpertMatmul& op) {
  const PackedMatrix& weight = op.weights.front();
  const DType type = weight.dtype();
  prepare_matmul(engine, {nullptr, op.ldx, &weight, nullptr, type, op.ldy, op.bias, nullptr, 0, 0});
  prepare_matmul(engine,
                 {nullptr, weight.inFeatures(), &weight, nullptr, type, weight.outFeatures(), op.bias, nullptr, 0, 0});
}

void prepare_expert_matmul_backward(MatmulEngine& engine, const ExpertMatmulBackward& op) {
  const PackedMatrix& weight = op.weights.front();
  const DType type = weight.dtype();
  prepare_matmul_backward(engine, {nullptr, op.lddy, &weight, nullptr, type, op.lddx, 0});
  prepare_matmul_backward(engine, {nullptr, weight.outFeatures(), &weight, nullptr, type, weight.inFeatures(), 0});
}

void expert_matmul(ExecContext& context, MatmulEngine& engine, const ExpertMatmul& op) {
  const PackedMatrix& first = op.weights.front();
  const std::int64_t out = first.outFeatures();
  const DType type = first.dtype();
  checkStarts("expert_matmul", op.starts, op.weights.size(), op.rows);
  const Rows all{static_cast<const std::byte*>(op.x), op.ldx, static_cast<std::byte*>(op.y), op.ldy, op.rows};
  forExperts(all, first.inFeatures(), out, type, op.weights.size(), op.starts, op.scratch,
             [&](std::size_t e, const Rows& rows) {
               const float* const bias = op.bias == nullptr ? nullptr : op.bias + static_cast<std::int64_t>(e) * out;
               matmul(context, engine,
                      {rows.from, rows.fromStride, &op.weights[e], rows.to, type, rows.toStride, bias, nullptr, 0,
                       rows.count});
             });
}

void expert_matmul_backward(ExecContext& context, MatmulEngine& engine, const ExpertMatmulBackward& op) {
  const PackedMatrix& first = op.weights.front();
  const DType type = first.dtype();
  checkStarts("expert_matmul_backward", op.starts, op.weights.size(), op.rows);
  const Rows all{static_cast<const std::byte*>(op.dy), op.lddy, static_cast<std::byte*>(op.dx), op.lddx, op.rows};
  forExperts(all, first.outFeatures(), first.inFeatures(), type, op.weights.size(), op.starts, op.scratch,
             [&](std::size_t e, const Rows& rows) {
               matmul_backward(context, engine,
                               {rows.from, rows.fromStride, &op.weights[e], rows.to, type, rows.toStride, rows.count});
             });
}

}  // namespace loratwin::ops
