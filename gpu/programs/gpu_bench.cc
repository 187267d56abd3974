// gpu_bench kernels|products: times on this GPU, one JSON line each; see kernel_cases.h and matmul_peak.h. Exit status
// 1 when something could not be timed, 3 without a GPU.
#include <cstdio>
#include <cstring>
#include <stdexcept>

#include "gpu_device.h"
#include "kernel_cases.h"
#include "matmul_peak.h"

int main(int argc, char** argv) {
  using namespace loratwin;
  const char* what = argc == 2 ? argv[1] : "";
  const bool kernels = std::strcmp(what, "kernels") == 0;
  if (!kernels && std::strcmp(what, "products") != 0) {
    std::fprintf(stderr, "Expected gpu_bench kernels or gpu_bench products\n");
    return 2;
  }
  try {
    test::requireGpu();
  } catch (const std::runtime_error& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 3;
  }
  try {
    test::exactAllocations = true;  // nothing is checked here
    if (kernels) {
      gpu::timeKernels();
    } else {
      gpu::timeProducts();
    }
  } catch (const std::runtime_error& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 1;
  }
  return 0;
}
