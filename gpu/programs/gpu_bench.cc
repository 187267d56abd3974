// gpu_bench peaks|products|kernels: times on this GPU, one JSON line each. Peaks are the memory's bandwidth and the
// rate of a large product; see matmul_peak.h and kernel_cases.h. Exit status 1 when something could not be timed, 3
// without a GPU. Compiled without LORATWIN_GPU all cases run once on the emulation, at a small shape, in no time.
#include <cmath>
#include <cstdio>
#include <memory>
#include <stdexcept>
#include <string>

#include "bench_device.h"
#include "kernel_cases.h"
#include "matmul_peak.h"
#include "timing.h"

namespace {

using namespace loratwin;

constexpr int kCopies = 20;

std::int64_t timeWay(void*, const std::function<void()>& body) {
  return std::llround(1e9 * gpu::timeWarm(body, 1, 1).seconds);
}

class Library {
 public:
  gpu::Libraries both() { return {*first_, *fastest_}; }

 private:
  gpu::DeviceBuffer<std::uint8_t> workspace_{cuda::kBlasWorkspaceBytes, "workspace"};
  std::unique_ptr<cuda::Blas> first_ = cuda::makeBlas({workspace_.data()});
  std::unique_ptr<cuda::Blas> fastest_ = cuda::makeBlas({workspace_.data(), {}, timeWay});
};

void timePeaks(const gpu::Shape& shape) {
  {
    const gpu::DeviceBuffer<std::uint8_t> from(shape.copyBytes, "from");
    const gpu::DeviceBuffer<std::uint8_t> to(shape.copyBytes, "to");
    gpu::printLine("bandwidth", "copy inside the memory", "\"bytes\":" + std::to_string(2 * shape.copyBytes),
                   gpu::timeCopy(to.data(), from.data(), shape.copyBytes, kCopies));
  }
  gpu::timePeak(Library().both(), shape);
}

void timeProducts(const gpu::Shape& shape) {
  Library library;
  gpu::timeProducts(library.both(), shape);
  gpu::quantizedProductCases(library.both().fastest, shape);
}

void timeKernels(const gpu::Shape& shape) {
  gpu::loraCases(shape);
  gpu::attentionCases(shape);
  gpu::elementwiseCases(shape);
  gpu::crossEntropyCases(shape);
  gpu::dequantizeCases(shape);
  gpu::optimizerCases(shape);
}

using Part = void (*)(const gpu::Shape&);

Part partOf(const std::string& name) {
  if (name == "peaks") return timePeaks;
  if (name == "products") return timeProducts;
  return name == "kernels" ? timeKernels : nullptr;
}

}  // namespace

int main(int argc, char** argv) {
  const Part part = argc == 2 ? partOf(argv[1]) : nullptr;
  if (part == nullptr) {
    std::fprintf(stderr, "Expected gpu_bench peaks, products or kernels\n");
    return 2;
  }
#if defined(LORATWIN_GPU)
  try {
    test::requireGpu();
  } catch (const std::runtime_error& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 3;
  }
  test::exactAllocations = true;  // nothing is checked here
  const gpu::Shape shape = gpu::llama8B();
#else
  const gpu::Shape shape = gpu::smallShape();
#endif
  try {
    part(shape);
  } catch (const std::runtime_error& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 1;
  }
  return 0;
}
