// The table of the kernels' tests: each case of each kernel runs under every setting of the device, which is the
// emulation or, compiled with LORATWIN_GPU, a real GPU, and is judged against its f64 reference; every run has to give
// the bytes of the first.
#pragma once

#include <cstdint>
#include <functional>
#include <random>
#include <string>
#include <vector>

#include "ops/bf16.h"
#if defined(LORATWIN_GPU)
#include "gpu_device.h"
#else
#include "emulated_device.h"
#endif

namespace loratwin::test {

using ops::Bf16;

// A whole device buffer after a run, and what should be in it; what a kernel must leave alone included.
struct Output {
  std::string op;
  std::vector<double> got;
  std::vector<double> expected;
  double tolerance;  // NMSE
};

// Allocates, launches and downloads. Called once for each setting.
using Run = std::function<std::vector<Output>()>;

void judge(const std::string& caseName, const Run& run);

// Uniform in -spread .. spread.
std::vector<float> randomFloats(std::size_t count, std::uint32_t seed, float spread = 1.0F);
std::vector<Bf16> randomBf16(std::size_t count, std::uint32_t seed, float spread = 1.0F);

template <class Store>
std::vector<Store> randomStored(std::size_t count, std::uint32_t seed, float spread = 1.0F) {
  if constexpr (sizeof(Store) == sizeof(float)) {
    return randomFloats(count, seed, spread);
  } else {
    return randomBf16(count, seed, spread);
  }
}

inline double widened(float x) { return static_cast<double>(x); }
inline double widened(double x) { return x; }
inline double widened(Bf16 x) { return static_cast<double>(ops::toFloat(x)); }

template <class Store>
std::vector<double> widened(const std::vector<Store>& values) {
  std::vector<double> result;
  for (const Store& value : values) result.push_back(widened(value));
  return result;
}

constexpr int roundUp8(int n) { return (n + 7) / 8 * 8; }

// The groups, one a file.
void elementwiseCases();
void magnitudeCases();
void tokenCases();
void optimizerCases();
void loraCases();
void crossEntropyCases();
void attentionCases();
void quantizedCases();
void plainCases();
void cachedCases();
void comparedCases();
void expertCases();

// Those of one group, or all; see main.cc.
int runCudaTable(const std::string& onlyGroup);

}  // namespace loratwin::test
