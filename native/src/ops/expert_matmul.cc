#include "expert_matmul.h"

#include <cstring>

#include "matmul_parts.h"
#include "route.h"

namespace loratwin::ops {

namespace {

// To read an expert's weights takes as long as so many of its rows.
constexpr std::int64_t kReadRows = 32;

// The products of all experts. A thread goes through all of them without waiting for others: it has its columns of an
// expert with few rows, and its rows of one with many; experts that can be cut neither way belong to one thread.
struct Experts {
  MatmulEngine::Impl& engine;
  std::span<const PackedMatrix> weights;
  int direction;
  Product whole;  // its bias [E, out]
  const std::int32_t* starts;
  std::byte* twoIn;
  std::byte* twoOut;
  std::int64_t threads;

  const PackedMatrix::Impl& weight(std::size_t e) const { return weights[e].impl(); }
  DType type() const { return weight(0).dtype; }
  std::int64_t in() const { return weight(0).in(direction); }
  std::int64_t out() const { return weight(0).out(direction); }
  std::int64_t rows(std::size_t e) const { return starts[e + 1] - starts[e]; }
  // Panels' sums of a row are the same whatever rows are beside it.
  bool isLone(std::size_t e) const { return rows(e) == 1 && !weight(e).panelled; }
  bool isCutByColumns(std::size_t e) const {
    return weight(e).quantized != nullptr || splitsColumns(weight(e), direction, threads, rows(e));
  }
  bool isCutByRows(std::size_t e) const { return rows(e) >= 2 * kRowGrain * threads; }
  bool isWhole(std::size_t e) const { return rows(e) > 0 && !isCutByColumns(e) && !isCutByRows(e); }

  // A lone row beside another: the one after it or, of the last place, the one before it; the only one beside itself.
  std::int64_t placeInTwo(std::size_t e) const { return starts[e] > 0 && starts[e] + 1 == whole.rows ? 1 : 0; }
  Product product(std::size_t e) const {
    Product own = whole;
    if (whole.bias != nullptr) own.bias = whole.bias + static_cast<std::int64_t>(e) * out();
    if (!isLone(e)) {
      own.source = element(whole.source, type(), starts[e] * whole.sourceStride);
      own.destination = element(whole.destination, type(), starts[e] * whole.destinationStride);
      own.rows = rows(e);
      return own;
    }
    if (whole.rows == 1) {
      own.source = twoIn;
      own.sourceStride = in();
    } else {
      own.source = element(whole.source, type(), (starts[e] - placeInTwo(e)) * whole.sourceStride);
    }
    own.destination = twoOut;
    own.destinationStride = out();
    own.rows = 2;
    return own;
  }
  void takeLone(std::size_t e, std::int64_t column, std::int64_t columns) const {
    if (!isLone(e)) return;
    std::memcpy(element(whole.destination, type(), starts[e] * whole.destinationStride + column),
                element(twoOut, type(), placeInTwo(e) * out() + column),
                static_cast<std::size_t>(columns) * sizeOf(type()));
  }

  std::int64_t columnsAt(std::int64_t column) const { return std::min(quantizedColumns(in(), out()), out() - column); }

  // In no thread of the engine's.
  void prepare() const {
    if (whole.rows == 1) {
      const std::size_t bytes = static_cast<std::size_t>(in()) * sizeOf(type());
      std::memcpy(twoIn, whole.source, bytes);
      std::memcpy(twoIn + bytes, whole.source, bytes);
    }
    for (std::size_t e = 0; e < weights.size(); ++e) {
      if (rows(e) == 0 || weight(e).panelled) continue;
      const Product own = product(e);
      if (weight(e).quantized) {
        const std::int64_t last = (out() - 1) / quantizedColumns(in(), out()) * quantizedColumns(in(), out());
        for (const std::int64_t column : {std::int64_t{0}, last}) {
          prepareOnednn(engine.onednn, dequantizedOperand(in(), columnsAt(column)), own, own.rows);
        }
      } else if (isCutByColumns(e)) {
        prepareOnednn(engine.onednn, packedColumns(weight(e), direction, 0), own, own.rows);
      } else if (isCutByRows(e)) {
        for (std::int64_t part = 0; part < threads; ++part) {
          prepareOnednn(engine.onednn, packedOperand(weight(e), direction), own,
                        shareStart(own.rows, threads, part + 1) - shareStart(own.rows, threads, part));
        }
      } else {
        prepareOnednn(engine.onednn, packedOperand(weight(e), direction), own, own.rows);
      }
    }
  }

  // The share of one of `threads` threads.
  void run(std::int64_t part, int thread) const {
    std::int64_t total = 0;
    for (std::size_t e = 0; e < weights.size(); ++e) total += isWhole(e) ? rows(e) + kReadRows : 0;
    std::int64_t before = 0;
    for (std::size_t e = 0; e < weights.size(); ++e) {
      if (rows(e) == 0) continue;
      if (weight(e).quantized) {
        runQuantized(e, part, thread);
      } else if (isCutByColumns(e)) {
        const RightOperand columns = packedColumns(weight(e), direction, part);
        const Product own = product(e);
        executeOnednn(engine.onednn, columns, columnsFrom(own, part * columns.out), 0, own.rows, thread, nullptr);
        takeLone(e, part * columns.out, columns.out);
      } else if (isCutByRows(e)) {
        const std::int64_t first = shareStart(rows(e), threads, part);
        runRows(e, first, shareStart(rows(e), threads, part + 1), thread);
      } else {
        // All lone rows share the two rows of the scratch.
        const std::int64_t owner = isLone(e) ? 0 : before * threads / total;
        before += rows(e) + kReadRows;
        if (owner != part) continue;
        runRows(e, 0, product(e).rows, thread);
        takeLone(e, 0, out());
      }
    }
  }
  void runRows(std::size_t e, std::int64_t first, std::int64_t last, int thread) const {
    const PackedMatrix::Impl& own = weight(e);
    if (own.panelled) {
      executePanels(own.dtype, own.storage[direction]->data(), in(), out(), product(e), first, last);
    } else {
      executeOnednn(engine.onednn, packedOperand(own, direction), product(e), first, last, thread, nullptr);
    }
  }
  void runQuantized(std::size_t e, std::int64_t part, int thread) const {
    const std::int64_t width = quantizedColumns(in(), out());
    const std::int64_t groups = (out() + width - 1) / width;
    Bf16* const panels = reinterpret_cast<Bf16*>(engine.panels[static_cast<std::size_t>(thread)].data());
    const Product own = product(e);
    for (std::int64_t group = groups * part / threads; group < groups * (part + 1) / threads; ++group) {
      const std::int64_t column = group * width;
      executeQuantized(engine, weight(e), direction, column, columnsAt(column), columnsFrom(own, column), panels,
                       thread);
      takeLone(e, column, columnsAt(column));
    }
  }
};

// `bias`: [E, out]
void multiplyExperts(ExecContext& context, MatmulEngine& engine, std::span<const PackedMatrix> weights, int direction,
                     const Product& whole, const std::int32_t* starts, std::byte* scratch) {
  if (whole.rows == 0) return;
  const std::int64_t threads = context.threads();
  requireThreads(engine.impl(), threads);
  const auto in = static_cast<std::size_t>(weights.front().impl().in(direction));
  std::byte* const twoOut = scratch + (Size(in) * 8).roundedUp(64).value();
  const Experts experts{engine.impl(), weights, direction, whole, starts, scratch, twoOut, threads};
  experts.prepare();
  context.parallelFor(static_cast<std::size_t>(threads), [&](std::size_t begin, std::size_t end, int thread) {
    for (std::size_t part = begin; part < end; ++part) experts.run(static_cast<std::int64_t>(part), thread);
  });
}

}  // namespace

void prepare_expert_matmul(MatmulEngine& engine, const ExpertMatmul& op) {
  const PackedMatrix& weight = op.weights.front();
  const DType type = weight.dtype();
  for (const std::int64_t ldy : {op.ldy, std::int64_t{weight.outFeatures()}}) {
    prepare_matmul(engine, {nullptr, op.ldx, &weight, nullptr, type, ldy, op.bias, nullptr, 0, 0});
  }
}

void prepare_expert_matmul_backward(MatmulEngine& engine, const ExpertMatmulBackward& op) {
  const PackedMatrix& weight = op.weights.front();
  const DType type = weight.dtype();
  for (const std::int64_t lddx : {op.lddx, std::int64_t{weight.inFeatures()}}) {
    prepare_matmul_backward(engine, {nullptr, op.lddy, &weight, nullptr, type, lddx, 0});
  }
}

void expert_matmul(ExecContext& context, MatmulEngine& engine, const ExpertMatmul& op) {
  checkStarts("expert_matmul", op.starts, op.weights.size(), op.rows);
  const DType type = op.weights.front().dtype();
  multiplyExperts(context, engine, op.weights, 0, {op.x, op.ldx, op.y, type, op.ldy, op.bias, nullptr, 0, op.rows},
                  op.starts, op.scratch);
}

void expert_matmul_backward(ExecContext& context, MatmulEngine& engine, const ExpertMatmulBackward& op) {
  checkStarts("expert_matmul_backward", op.starts, op.weights.size(), op.rows);
  const DType type = op.weights.front().dtype();
  multiplyExperts(context, engine, op.weights, 1, {op.dy, op.lddy, op.dx, type, op.lddx, nullptr, nullptr, 0, op.rows},
                  op.starts, op.scratch);
}

}  // namespace loratwin::ops
