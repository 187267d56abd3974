#include "runtime/cuda/steps.h"

#include <algorithm>

namespace loratwin {

const cuda::Rotation* RotationTables::find(const Vector& frequencies, std::int32_t positions) {
  constexpr std::int32_t kFewest = 512;
  std::vector<Kept>& tables = kept_[&frequencies];
  if (tables.empty() || tables.back().positions < positions) {
    const std::int32_t least = tables.empty() ? kFewest : 2 * tables.back().positions;
    const std::int32_t count = std::max(least, positions);
    std::vector<float> given(frequencies.count);
    frequencies.values.read(given.data(), 0, given.size() * sizeof(float));
    const std::vector<cuda::Rotation> values = cuda::rotations(given, count);
    const std::size_t bytes = values.size() * sizeof(cuda::Rotation);
    auto buffer = std::make_unique<Buffer>(pool_, MemoryKind::other, bytes);
    buffer->write(0, values.data(), bytes);
    tables.push_back({count, std::move(buffer)});
  }
  return reinterpret_cast<const cuda::Rotation*>(tables.back().values->data());
}

const std::int32_t* CudaRun::rowKeys() {
  return bindings.rowKeys.empty() ? nullptr : once(rowKeys_, [&] { return bindings.rowKeys; });
}

const std::int32_t* CudaRun::positions() {
  return once(positions_, [&] {
    std::vector<std::int32_t> values;
    for (std::size_t s = 1; s < bindings.sequences.size(); s++) {
      for (std::int32_t row = bindings.sequences[s - 1]; row < bindings.sequences[s]; row++) {
        values.push_back(row - bindings.sequences[s - 1]);
      }
    }
    return values;
  });
}

const std::int32_t* CudaRun::ends() {
  return once(ends_, [&] {
    std::vector<std::int32_t> values;
    for (std::size_t s = 1; s < bindings.sequences.size(); s++) {
      values.insert(values.end(), static_cast<std::size_t>(bindings.sequences[s] - bindings.sequences[s - 1]),
                    bindings.sequences[s]);
    }
    return values;
  });
}

CudaRun::Tiles CudaRun::tiles(std::optional<Tiles>& kept, TileMaker make) {
  if (!kept) {
    const auto made = make(bindings.sequences.data(), static_cast<std::int32_t>(bindings.sequences.size()) - 1);
    kept = Tiles{slot.table(made), static_cast<std::int32_t>(made.size())};
  }
  return *kept;
}

}  // namespace loratwin
