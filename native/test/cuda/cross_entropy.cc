// Cross-entropy over vocabulary tiles. The judge is head_loss's reference with an identity for its weight: logits in,
// dz out.
#include <cmath>
#include <type_traits>

#include "cuda/cross_entropy.h"
#include "ops/head_loss.h"
#include "table.h"

namespace loratwin::test {

namespace {

template <class Store>
void lossCase(const std::string& name, const std::vector<int>& segmentRows, int vocabulary, int tileColumns,
              float spread, const ops::LogitsKind& kind = {}) {
  judge(name, [=] {
    std::vector<std::int32_t> offsets{0};
    for (const int rows : segmentRows) offsets.push_back(offsets.back() + rows);
    const int rows = offsets.back();
    const std::int32_t segments = static_cast<std::int32_t>(segmentRows.size());
    const std::size_t all = static_cast<std::size_t>(rows) * static_cast<std::size_t>(vocabulary);
    const std::vector<Store> z = randomStored<Store>(all, 31, spread);
    std::vector<std::int32_t> targetList;
    std::vector<float> scaleList;
    std::vector<ops::LossSegment> refSegments;
    for (std::int32_t g = 0; g < segments; ++g) {
      const float scale = 1.0F / static_cast<float>(3 + g);
      refSegments.push_back({offsets[static_cast<std::size_t>(g)], offsets[static_cast<std::size_t>(g) + 1], scale});
      for (int t = 0; t < segmentRows[static_cast<std::size_t>(g)]; ++t) {
        targetList.push_back(t % 5 == 2 ? -1 : (t * 37 + g) % vocabulary);
        scaleList.push_back(scale);
      }
    }
    const DeviceBuffer<std::int32_t> targets(targetList, "targets");
    const DeviceBuffer<std::int32_t> deviceOffsets(offsets, "offsets");
    const DeviceBuffer<float> lossScale(scaleList, "lossScale");
    const DeviceBuffer<cuda::CrossEntropyState> state(static_cast<std::size_t>(rows), "state");
    const DeviceBuffer<double> losses(segmentRows.size(), "losses");

    // A tile of z in memory of its own, rows apart by a stride that is longer than they are.
    const int ld = roundUp8(tileColumns) + 8;
    const auto tileOf = [&](int column, int columns) {
      std::vector<Store> values(static_cast<std::size_t>(rows * ld));
      for (int t = 0; t < rows; ++t) {
        for (int v = 0; v < columns; ++v) {
          values[static_cast<std::size_t>(t * ld + v)] = z[static_cast<std::size_t>(t * vocabulary + column + v)];
        }
      }
      return values;
    };
    for (int column = 0; column < vocabulary; column += tileColumns) {
      const int columns = std::min(tileColumns, vocabulary - column);
      const DeviceBuffer<Store> logits(tileOf(column, columns), "logits");
      cuda::cross_entropy_tile(cuda::LogitsTileT<Store>{logits.data(), ld, rows, column, columns, targets.data(), kind},
                               state.data(), column == 0, nullptr);
    }
    cuda::cross_entropy_losses(state.data(), targets.data(), deviceOffsets.data(), segments, losses.data(), nullptr);
    // As float32 where z is: a bfloat16 hides errors below 1e-3.
    const auto gradientAs = [&]<class Out>(Out) {
      std::vector<double> gradient(all);
      for (int column = 0; column < vocabulary; column += tileColumns) {
        const int columns = std::min(tileColumns, vocabulary - column);
        const DeviceBuffer<Store> logits(tileOf(column, columns), "logits");
        const DeviceBuffer<Out> dz(static_cast<std::size_t>(rows * ld), "dz");
        cuda::cross_entropy_gradient(
            cuda::LogitsTileT<Store>{logits.data(), ld, rows, column, columns, targets.data(), kind}, state.data(),
            lossScale.data(), dz.data(), ld, nullptr);
        const std::vector<Out> values = dz.download();
        for (int t = 0; t < rows; ++t) {
          for (int v = 0; v < columns; ++v) {
            gradient[static_cast<std::size_t>(t * vocabulary + column + v)] =
                widened(values[static_cast<std::size_t>(t * ld + v)]);
          }
        }
      }
      return gradient;
    };

    std::vector<double> identity(static_cast<std::size_t>(vocabulary) * static_cast<std::size_t>(vocabulary));
    for (int v = 0; v < vocabulary; ++v) identity[static_cast<std::size_t>(v * vocabulary + v)] = 1;
    const std::vector<double> wide = widened(z);
    std::vector<double> expected(all);
    std::vector<double> expectedLosses(segmentRows.size());
    ops::ref::head_loss(ops::ref::HeadLossT<double>{refSegments.data(), segments, targetList.data(), wide.data(),
                                                    identity.data(), expected.data(), rows, vocabulary, vocabulary,
                                                    expectedLosses.data(), kind});
    std::vector<Output> outputs{{"cross_entropy", widened(losses.download()), expectedLosses, 1e-12},
                                {"cross_entropy_gradient", gradientAs(Bf16{}), expected, 1e-5}};
    if constexpr (std::is_same_v<Store, float>) {
      outputs.push_back({"cross_entropy_gradient", gradientAs(0.0F), expected, 1e-10});
    }
    return outputs;
  });
}

}  // namespace

void crossEntropyCases() {
  lossCase<float>("one token of a vocabulary of five", {1}, 5, 8, 1.0F);
  lossCase<float>("three tiles, large logits", {7, 0, 12, 1}, 601, 256, 60.0F);
  lossCase<Bf16>("three odd tiles of bfloat16", {9, 5}, 240, 101, 4.0F);
  lossCase<Bf16>("one tile wider than a block's stride", {3}, 2300, 2300, 8.0F);
  lossCase<float>("scale 1/8", {7, 0, 12, 1}, 601, 256, 30.0F, {.scale = 0.125F});
  lossCase<float>("scale 16", {7, 0, 12, 1}, 601, 601, 2.0F, {.scale = 16.0F});
  lossCase<float>("cap 30", {7, 0, 12, 1}, 601, 256, 40.0F, {.softcap = 30.0F});
  lossCase<float>("cap 1", {4, 3}, 601, 601, 1.0F, {.softcap = 1.0F});
  lossCase<float>("cap 1, large logits", {4, 3}, 333, 333, 60.0F, {.softcap = 1.0F});
  lossCase<float>("scale 16, cap 30, large logits", {4, 3}, 333, 128, 60.0F, {.scale = 16.0F, .softcap = 30.0F});
  lossCase<Bf16>("three odd tiles of bfloat16, scale 1/8", {9, 5}, 240, 101, 30.0F, {.scale = 0.125F});
  lossCase<Bf16>("three odd tiles of bfloat16, scale 16, cap 30", {9, 5}, 240, 101, 4.0F,
                 {.scale = 16.0F, .softcap = 30.0F});
  lossCase<float>("cap 30, one token of a vocabulary of five", {1}, 5, 8, 60.0F, {.softcap = 30.0F});
}

}  // namespace loratwin::test
