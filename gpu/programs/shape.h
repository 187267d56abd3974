// The sizes that are timed, and how their bytes and operations are counted: docs/internals/kernels.md.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace loratwin::gpu {

struct Shape {
  std::int32_t sequences;
  std::int32_t length;
  std::int32_t hidden;
  std::int32_t intermediate;
  std::int32_t heads;
  std::int32_t kvHeads;
  std::int32_t headDim;
  std::int32_t vocabulary;
  std::int32_t rank;
  std::int32_t adapters;
  std::int32_t tileColumns;  // of a tile of logits
  std::int64_t adapterParameters;
  std::int32_t square;                // width of the product whose rate is the peak
  std::vector<std::int32_t> lengths;  // of attention's rows, as many tokens as the longest has
  std::size_t copyBytes;              // whose rate is the memory's bandwidth

  std::int32_t tokens() const { return sequences * length; }
  std::int32_t qkv() const { return (heads + 2 * kvHeads) * headDim; }
};

// Llama-3-8B, 4096 tokens; an adapter of rank 16 on all seven projections of 32 layers.
inline Shape llama8B() {
  return {8,
          512,
          4096,
          14336,
          32,
          8,
          128,
          128256,
          16,
          4,
          8192,
          41943040,
          8192,
          {512, 1024, 2048, 4096, 8192},
          std::size_t{1} << 30};
}

// Of the same form, for the emulation.
inline Shape smallShape() {
  return {2, 24, 64, 96, 4, 2, 16, 80, 8, 3, 40, 1000, 64, {8, 24, 72, 144}, std::size_t{1} << 16};
}

template <class... Factors>
double product(Factors... factors) {
  return (1.0 * ... * static_cast<double>(factors));
}

inline std::size_t elements(std::int64_t rows, std::int64_t columns) {
  return static_cast<std::size_t>(rows) * static_cast<std::size_t>(columns);
}

}  // namespace loratwin::gpu
