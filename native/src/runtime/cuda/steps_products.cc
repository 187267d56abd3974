#include "cuda/cross_entropy.h"
#include "cuda/fill_rows.h"
#include "runtime/cuda/scratch.h"
#include "runtime/cuda/steps.h"
#include "runtime/steps/products.h"

namespace loratwin {

namespace {

// y by its columns, so that each weight is dequantized once and no sum is split.
void multiplyQuantized(cuda::Blas& blas, const cuda::Product& whole, const ops::QuantizedView& weight, ops::Bf16* room,
                       void* stream) {
  const std::int32_t depth = whole.backward ? whole.out : whole.in;
  const std::int32_t columns = whole.backward ? whole.in : whole.out;
  const auto width = static_cast<std::int32_t>(cuda::dequantizedColumns(depth, columns));
  for (std::int32_t column = 0; column < columns; column += width) {
    const std::int32_t count = std::min(width, columns - column);
    cuda::Product part = whole;
    part.weight = room;
    (whole.backward ? part.in : part.out) = count;
    part.y = static_cast<std::byte*>(whole.y) + static_cast<std::size_t>(column) * ops::sizeOf(whole.yType);
    if (whole.residual != nullptr) part.residual = whole.residual + column;
    const cuda::Dequantize values = whole.backward ? cuda::Dequantize{weight, 0, depth, column, count, room, count}
                                                   : cuda::Dequantize{weight, column, count, 0, depth, room, depth};
    cuda::dequantize(values, stream);
    blas.multiply(part, stream);
  }
}

void multiply(cuda::Blas& blas, const cuda::Product& op, const Matrix& weight, ops::Bf16* room, void* stream) {
  const CudaMatrix& matrix = cudaMatrix(weight);
  if (matrix.quantized) {
    multiplyQuantized(blas, op, *matrix.quantized, room, stream);
  } else {
    blas.multiply(op, stream);
  }
}

struct Matmul final : CudaStep {
  explicit Matmul(Fields& fields) : f(fields) {}
  void reach(Reach& r) const override { f.reach(r); }
  Launch prepare(CudaRun& r) const override {
    cuda::Product op{};
    op.x = r.place(f.x);
    op.ldx = f.ldx;
    op.weight = weightFor(f.weight);
    op.type = f.dtype;
    op.out = f.weight.out;
    op.in = f.weight.in;
    op.y = r.place(f.y);
    op.yType = f.yType;
    op.ldy = f.ldy;
    op.rows = r.rows();
    if (f.residual) {
      op.residual = r.at(*f.residual);
      op.ldr = f.ldr;
    }
    op.accumulate = f.bias != nullptr;
    return [op, bias = f.bias, &weight = f.weight, room = r.dequantized, &blas = r.blas](void* stream) {
      if (bias != nullptr) {
        ops::withStore(op.yType, [&]<class Store>(Store) {
          cuda::fill_rows(bias->values.floats(), op.out, static_cast<Store*>(op.y), op.ldy, op.rows, stream);
        });
      }
      multiply(blas, op, weight, room, stream);
    };
  }
  const MatmulFields f;
};

struct MatmulBackward final : CudaStep {
  explicit MatmulBackward(Fields& fields) : f(fields) {}
  void reach(Reach& r) const override { f.reach(r); }
  Launch prepare(CudaRun& r) const override {
    cuda::Product op{};
    op.x = r.place(f.dy);
    op.ldx = f.lddy;
    op.weight = weightFor(f.weight);
    op.type = f.dtype;
    op.out = f.weight.out;
    op.in = f.weight.in;
    op.backward = true;
    op.y = r.place(f.dx);
    op.yType = f.dxType;
    op.ldy = f.lddx;
    op.rows = r.rows();
    return [op, &weight = f.weight, room = r.dequantized, &blas = r.blas](void* stream) {
      multiply(blas, op, weight, room, stream);
    };
  }
  const MatmulBackwardFields f;
};

// Tiles of rows with the whole vocabulary, so that the logits' product runs once. Rows that are not scored take part
// with a gradient of zero.
template <class Store>
struct HeadLossRun {
  const HeadLossFields* f;
  std::int32_t rows;
  const Store* x;
  float* dx;  // null: the losses only
  float* logits;
  Store* gradient;  // of the logits, in their place where both are float32
  std::int64_t ld;  // of both
  const std::int32_t* targets;
  const float* lossScale;
  const std::int32_t* offsets;
  std::int32_t segments;
  cuda::CrossEntropyState* state;
  double* losses;
  cuda::Blas* blas;

  void operator()(void* stream) const {
    for (std::int32_t row = 0; row < rows; row += f->tileRows) tile(row, std::min(f->tileRows, rows - row), stream);
    cuda::cross_entropy_losses(state, targets, offsets, segments, losses, stream);
  }

  void tile(std::int32_t row, std::int32_t count, void* stream) const {
    cuda::Product op{};
    op.x = x + std::int64_t{row} * f->hidden;
    op.ldx = f->hidden;
    op.weight = weightFor(f->weight);
    op.type = f->dtype;
    op.out = f->vocabulary;
    op.in = f->hidden;
    op.y = logits;
    op.yType = ops::DType::float32;
    op.ldy = ld;
    op.rows = count;
    blas->multiply(op, stream);
    const cuda::LogitsTile scores{logits, ld, count, 0, f->vocabulary, targets + row};
    cuda::cross_entropy_tile(scores, state + row, true, stream);
    if (dx == nullptr) return;
    cuda::cross_entropy_gradient(scores, state + row, lossScale + row, gradient, ld, stream);
    op.x = gradient;
    op.ldx = ld;
    op.backward = true;
    op.y = dx + std::int64_t{row} * f->hidden;
    op.ldy = f->hidden;
    blas->multiply(op, stream);
  }
};

struct HeadLoss final : CudaStep {
  explicit HeadLoss(Fields& fields) : f(fields) { givesLosses = true; }
  void reach(Reach& r) const override {
    f.reach(r);
    r.bytes("logits", f.logits,
            cuda::headScratchBytes(static_cast<std::size_t>(f.tileRows), static_cast<std::size_t>(f.vocabulary),
                                   f.dtype));
    for (const std::int32_t target : r.bindings.targets) {
      if (target >= f.vocabulary) {
        r.refuse("targets", "token ids below " + std::to_string(f.vocabulary), std::to_string(target));
      }
    }
  }
  Launch prepare(CudaRun& r) const override {
    const auto rows = static_cast<std::size_t>(r.rows());
    // Only rows of a segment are scored.
    std::vector<std::int32_t> targets(rows, -1);
    std::vector<float> scales(rows, 0.0F);
    std::vector<std::int32_t> offsets{0};
    for (const RunSegment& segment : r.bindings.segments) {
      for (std::int32_t row = segment.rowStart; row < segment.rowEnd; row++) {
        const auto place = static_cast<std::size_t>(row);
        targets[place] = std::max(-1, r.bindings.targets[place]);
        scales[place] = segment.lossScale;
      }
      offsets.push_back(segment.rowEnd);
    }
    Launch launch;
    ops::withStore(f.dtype, [&]<class Store>(Store) {
      HeadLossRun<Store> op{};
      op.f = &f;
      op.rows = r.rows();
      op.x = r.at<Store>(f.x);
      op.dx = f.dx ? r.at(*f.dx) : nullptr;
      op.logits = r.at(f.logits);
      op.ld = static_cast<std::int64_t>(cuda::padded(static_cast<std::size_t>(f.vocabulary), 8));
      const std::size_t tileBytes = static_cast<std::size_t>(f.tileRows * op.ld) * sizeof(float);
      const std::size_t behind = sizeof(Store) == sizeof(float) ? 0 : cuda::padded(tileBytes, cuda::kScratchLine);
      op.gradient = reinterpret_cast<Store*>(r.place(f.logits) + behind);
      op.targets = r.slot.table(targets);
      op.lossScale = r.slot.table(scales);
      op.offsets = r.slot.table(offsets);
      op.segments = static_cast<std::int32_t>(r.bindings.segments.size());
      op.state = r.slot.room<cuda::CrossEntropyState>(rows);
      op.losses = r.losses;
      op.blas = &r.blas;
      launch = op;
    });
    return launch;
  }
  const HeadLossFields f;
};

constexpr StepEntry kSteps[] = {
    {"matmul", makeStep<Matmul>},
    {"matmulBackward", makeStep<MatmulBackward>},
    {"headLoss", makeStep<HeadLoss>},
};

}  // namespace

StepTable cudaProductSteps() { return kSteps; }

}  // namespace loratwin
