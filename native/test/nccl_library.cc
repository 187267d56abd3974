// What loading NCCL comes to: one JSON line, {library} or {error}.
#include <cstdio>
#include <stdexcept>

#include "cuda/nccl_api.h"

int main() {
  try {
    std::printf("{\"library\":\"%s\"}\n", loratwin::cuda::nccl::libraryName().c_str());
  } catch (const std::runtime_error& error) {
    std::printf("{\"error\":\"%s\"}\n", error.what());
  }
}
