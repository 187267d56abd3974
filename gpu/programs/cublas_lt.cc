#include "cublas_lt.h"

#include <dlfcn.h>

#include <stdexcept>
#include <string>

namespace loratwin::gpu {

namespace {

template <class Function>
void find(void* library, const char* name, Function*& function) {
  function = reinterpret_cast<Function*>(dlsym(library, name));
  if (function == nullptr) throw std::runtime_error(std::string("Expected ") + name + " in libcublasLt, found none");
}

CublasLt load() {
  void* library = nullptr;
  for (const char* name : {"libcublasLt.so.13", "libcublasLt.so.12", "libcublasLt.so.11"}) {
    library = dlopen(name, RTLD_NOW | RTLD_LOCAL);
    if (library != nullptr) break;
  }
  if (library == nullptr) throw std::runtime_error("Expected libcublasLt.so.13, .12 or .11, found none");
  CublasLt lt{};
  find(library, "cublasLtGetVersion", lt.getVersion);
  find(library, "cublasLtCreate", lt.create);
  find(library, "cublasLtDestroy", lt.destroy);
  find(library, "cublasLtMatmulDescCreate", lt.matmulDescCreate);
  find(library, "cublasLtMatmulDescDestroy", lt.matmulDescDestroy);
  find(library, "cublasLtMatmulDescSetAttribute", lt.matmulDescSetAttribute);
  find(library, "cublasLtMatrixLayoutCreate", lt.matrixLayoutCreate);
  find(library, "cublasLtMatrixLayoutDestroy", lt.matrixLayoutDestroy);
  find(library, "cublasLtMatmulPreferenceCreate", lt.preferenceCreate);
  find(library, "cublasLtMatmulPreferenceDestroy", lt.preferenceDestroy);
  find(library, "cublasLtMatmulPreferenceSetAttribute", lt.preferenceSetAttribute);
  find(library, "cublasLtMatmulAlgoGetHeuristic", lt.getHeuristic);
  find(library, "cublasLtMatmul", lt.matmul);
  return lt;
}

}  // namespace

const CublasLt& cublasLt() {
  static const CublasLt library = load();
  return library;
}

}  // namespace loratwin::gpu
