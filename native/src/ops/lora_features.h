// The gradients of a segment's A and B, some features at a time:
//
//   lora_dsx  dA += ds^T drop(x)     lora_dys  dB += scale dy^T s
#pragma once

#include "lora_stacks.h"

namespace loratwin::ops::LORATWIN_ISA {
namespace {

// [rows, columns] as a right operand, packed into `units` (stride kWidth) where it has to be
template <class Store>
Right<Unit<Store>> rightDownRows(const Store* p, std::int64_t ld, std::int64_t rows, std::int64_t columns,
                                 Unit<Store>* units) {
  if constexpr (kIsFloat<Store>) {
    return {p, ld};
  } else {
    packPairs<Store>(p, ld, rows, columns, units, kWidth);
    return {units, kWidth};
  }
}

// [rows, ranks]^T as a left operand, packed into `units` (stride ranks) where it has to be
template <class Store>
Left<Unit<Store>> leftDownRows(const Store* p, std::int64_t ld, std::int64_t rows, std::int64_t ranks,
                               Unit<Store>* units) {
  if constexpr (kIsFloat<Store>) {
    return {p, 1, ld};
  } else {
    packPairs<Store>(p, ld, rows, ranks, units, ranks);
    return {units, 1, ranks};
  }
}

// dA[:, begin .. end] += ds^T drop(x)[:, begin .. end] over all rows of segment i
template <class Store, class Op>
void lora_dsx(const Op& op, std::int32_t i, std::int64_t ldds, std::int64_t begin, std::int64_t end) {
  const std::int64_t K = op.inFeatures;
  const std::int64_t rowEnd = segmentOf(op, 0, i).rowEnd;
  Ahead nothing;
  Unit<Store> packedLeft[kLeftUnits<Store>];
  Unit<Store> packed[kIsFloat<Store> ? 1 : kRowBlock * kWidth];
  for (std::int64_t t = segmentOf(op, 0, i).rowStart; t < rowEnd; t += kRowBlock) {
    const std::int64_t rows = smaller(kRowBlock, rowEnd - t);
    const Store* const x = op.x + t * op.ldx;
    forEachStack<Store>(op, i, [&](const Stack& stack) {
      const Part& leading = stack.parts[0];
      const LoraSegment& g = segmentOf(op, leading.projection, i);
      const Left<Unit<Store>> left = leftDownRows(op.scratch + t * ldds + stack.column, ldds, rows,
                                                  stack.units * kUnitElements<Store>, packedLeft);
      const auto expect = [&](std::int64_t k) {
        if (k >= end) return;
        for (int j = 0; j < stack.count; ++j) {
          const Part& part = stack.parts[j];
          expectBlock<Access::write>(segmentOf(op, part.projection, i).da + part.first * K + k, K, part.ranks);
        }
        if constexpr (!kIsFloat<Store>) expectBlock<Access::read>(x + k, op.ldx, rows);
      };
      const auto product = [&](auto rightAt, float alpha) {
        expect(begin);
        for (std::int64_t k = begin; k < end; k += kWidth) {
          const std::int64_t columns = smaller(kWidth, end - k);
          const Right<Unit<Store>> right = rightAt(k, columns);
          expect(k + kWidth);
          std::int64_t column = 0;
          for (int j = 0; j < stack.count; ++j) {
            const Part& part = stack.parts[j];
            float* const da = segmentOf(op, part.projection, i).da + part.first * K + k;
            sumInFeatures<true>(part.ranks, columns, unitsOf<Store>(rows),
                                Left<Unit<Store>>{left.units + column, 1, left.step}, right, AddScaled{da, K, alpha},
                                nothing);
            column += paddedRank<Store>(part.ranks);
          }
        }
      };
      if (g.dropout > 0.0F) {
        const Drop drop(op.projections[leading.projection].segments, g, t, rows);
        Store kept[kRowBlock * kWidth];
        product(
            [&](std::int64_t k, std::int64_t columns) {
              drop.apply(x, op.ldx, 0, rows, k, columns, kept, kWidth);
              return rightDownRows<Store>(kept, kWidth, rows, columns, packed);
            },
            drop.keepScale);
      } else {
        product([&](std::int64_t k,
                    std::int64_t columns) { return rightDownRows<Store>(x + k, op.ldx, rows, columns, packed); },
                1.0F);
      }
    });
  }
}

// db [columns, ranks] (stride R) += scale product [ranks, columns]^T (stride kWidth)
inline void addTransposed(const float* product, std::int64_t ranks, std::int64_t columns, float scale, float* db,
                          std::int64_t R) {
  float transposed[kWidth * kRanks];
  packTransposed<float>(product, kWidth, ranks, columns, transposed, ranks);
  // All ranks: one piece, since a short row's store would hold up the next row's load.
  const std::int64_t length = ranks == R ? columns * ranks : ranks;
  for (std::int64_t from = 0; from < columns * ranks; from += length, db += R) {
    forLanes(length, [&](std::int64_t i, auto lanes) {
      store(db + i, fma(load(transposed + from + i, lanes), set1(scale), load(db + i, lanes)), lanes);
    });
  }
}

// dB[begin .. end, :] += scale dy[:, begin .. end]^T s over all rows of segment i: computed as (s^T dy)^T
template <class Store, class Op>
void lora_dys(const Op& op, std::int32_t p, std::int32_t i, std::int64_t begin, std::int64_t end) {
  const auto& projection = op.projections[p];
  const LoraSegment& g = segmentOf(op, p, i);
  const std::int64_t R = g.rank;
  Ahead nothing;
  Unit<Store> packedLeft[kLeftUnits<Store>];
  Unit<Store> packed[kIsFloat<Store> ? 1 : kRowBlock * kWidth];
  float product[kRanks * kWidth];
  for (std::int64_t t = g.rowStart; t < g.rowEnd; t += kRowBlock) {
    const std::int64_t rows = smaller(kRowBlock, g.rowEnd - t);
    const Store* const dy = op.dy + t * op.lddy + projection.column;
    for (std::int64_t r = 0; r < R; r += kRanks) {
      const std::int64_t ranks = smaller(kRanks, R - r);
      const Left<Unit<Store>> left =
          leftDownRows<Store>(projection.s + t * projection.lds + r, projection.lds, rows, ranks, packedLeft);
      const auto expect = [&](std::int64_t n) {
        for (std::int64_t j = n; j < smaller(n + kWidth, end); ++j) {
          for (std::int64_t lane = 0; lane < ranks; lane += kLanes) __builtin_prefetch(g.db + j * R + r + lane, 1);
        }
        if constexpr (!kIsFloat<Store>) {
          if (n < end) expectBlock<Access::read>(dy + n, op.lddy, rows);
        }
      };
      expect(begin);
      for (std::int64_t n = begin; n < end; n += kWidth) {
        const std::int64_t columns = smaller(kWidth, end - n);
        const Right<Unit<Store>> right = rightDownRows<Store>(dy + n, op.lddy, rows, columns, packed);
        expect(n + kWidth);
        std::memset(product, 0, static_cast<std::size_t>(ranks * kWidth) * sizeof(float));
        sumInFeatures<true>(ranks, columns, unitsOf<Store>(rows), left, right, AddScaled{product, kWidth, 1.0F},
                            nothing);
        addTransposed(product, ranks, columns, g.scale, g.db + n * R + r, R);
      }
    }
  }
}

}  // namespace
}  // namespace loratwin::ops::LORATWIN_ISA
