// gpu_table [group] [--exact]: the lines of cuda_table (main.cc) from a real GPU. --exact: buffers without canaries,
// for compute-sanitizer. Exit status 1 when any line is not ok, 3 without a GPU.
#include <cstdio>
#include <cstring>
#include <stdexcept>
#include <string>

#include "table.h"

int main(int argc, char** argv) {
  using namespace loratwin;
  std::string group;
  for (int i = 1; i < argc; ++i) {
    if (std::strcmp(argv[i], "--exact") == 0) {
      test::exactAllocations = true;
    } else {
      group = argv[i];
    }
  }
  try {
    test::requireGpu();
  } catch (const std::runtime_error& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 3;
  }
  return test::runCudaTable(group);
}
