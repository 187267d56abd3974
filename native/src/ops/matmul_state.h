// What packed_matrix.cc and matmul.cc share of oneDNN.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <tuple>
#include <vector>

#include <oneapi/dnnl/dnnl.hpp>

#include "aligned_memory.h"
#include "packed_matrix.h"

extern "C" void omp_set_num_threads(int);
extern "C" int omp_get_max_threads(void);

namespace loratwin::ops {

// oneDNN here is the OpenMP build: inside, it must neither start a team of its own nor plan for one.
class OneThread {
 public:
  OneThread() : before_(omp_get_max_threads()) {
    if (before_ != 1) omp_set_num_threads(1);
  }
  ~OneThread() {
    if (before_ != 1) omp_set_num_threads(before_);
  }
  OneThread(const OneThread&) = delete;
  OneThread& operator=(const OneThread&) = delete;

 private:
  int before_;
};

inline dnnl::memory::data_type dnnlType(DType type) {
  return type == DType::float32 ? dnnl::memory::data_type::f32 : dnnl::memory::data_type::bf16;
}

inline dnnl::memory::desc matrixDesc(DType type, std::int64_t rows, std::int64_t columns, std::int64_t stride) {
  return {{rows, columns}, dnnlType(type), dnnl::memory::dims{stride, 1}};
}

constexpr int kPanels = 2;

enum class Residual { none, sum, add };

// What a primitive is made for; the source has the weight's type. Direction kPanels is dequantized panels of either.
struct PrimitiveKey {
  std::int64_t in;
  std::int64_t out;
  int direction;
  std::int64_t rows;
  std::int64_t sourceStride;
  std::int64_t destinationStride;
  std::int64_t residualStride;
  Residual residual;
  bool bias;
  DType weightType;
  DType destinationType;

  auto operator<=>(const PrimitiveKey&) const = default;
};

struct MatmulArguments {
  dnnl::memory source;
  dnnl::memory destination;
  dnnl::memory bias;
  dnnl::memory residual;
  dnnl::memory scratch;
  dnnl::memory panel;  // of a quantized weight, dequantized
};

struct MatmulPrimitive {
  dnnl::matmul primitive;
  std::vector<MatmulArguments> threads;  // one a thread: only their data handles change between calls
};

struct MatmulEngine::Impl {
  dnnl::engine engine{dnnl::engine::kind::cpu, 0};
  std::vector<dnnl::stream> streams;
  std::vector<std::vector<char>> scratch;
  std::vector<AlignedMemory> panels;  // a quantized weight's columns, dequantized
  std::mutex mutex;
  std::map<PrimitiveKey, MatmulPrimitive> primitives;
};

// Direction 0 is x W^T, 1 is dy W.
struct PackedMatrix::Impl {
  std::int32_t outFeatures = 0;
  std::int32_t inFeatures = 0;
  DType dtype = DType::float32;
  bool panelled = false;  // packed, or dequantized, for matmul_panels.h: `packed` is empty
  // Of one or more matrices, each with an engine of its own; nothing writes to it once it is packed.
  std::shared_ptr<const QuantizedMatrix> quantized;  // instead of `storage`
  std::shared_ptr<const AlignedMemory> storage[2];
  dnnl::memory packed[2];
  std::vector<dnnl::memory> parts[2];  // as many columns of `packed` for each thread; empty where it cannot be cut

  std::int64_t in(int direction) const { return direction == 0 ? inFeatures : outFeatures; }
  std::int64_t out(int direction) const { return direction == 0 ? outFeatures : inFeatures; }
};

}  // namespace loratwin::ops
