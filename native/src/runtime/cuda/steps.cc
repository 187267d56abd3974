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

namespace {

// Of each row make(sequence, row).
template <class Make>
auto ofRows(const ops::Sequences& sequences, Make make) {
  std::vector<decltype(make(0, 0))> values;
  for (std::int32_t i = 0; i < sequences.count; i++) {
    for (std::int32_t row = sequences.offsets[i]; row < sequences.offsets[i + 1]; row++) {
      values.push_back(make(i, row));
    }
  }
  return values;
}

}  // namespace

const std::int32_t* CudaRun::positions() {
  return once(positions_, [own = sequences()] {
    return ofRows(own,
                  [&own](std::int32_t i, std::int32_t row) { return static_cast<std::int32_t>(own.position(i, row)); });
  });
}

const std::int32_t* CudaRun::ends() {
  return once(ends_, [own = sequences()] {
    return ofRows(own, [&own](std::int32_t i, std::int32_t) { return own.offsets[i] - own.past(i) + own.length(i); });
  });
}

const cuda::CachedRow* CudaRun::cachedRows() {
  return once(cachedRows_, [own = sequences()] {
    return ofRows(own, [&own](std::int32_t i, std::int32_t row) {
      return cuda::CachedRow{own.cached[i].first, static_cast<std::int32_t>(own.position(i, row))};
    });
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
