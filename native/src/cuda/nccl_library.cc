// NCCL, loaded when it is first asked for.
#include <dlfcn.h>

#include <cstdlib>
#include <stdexcept>
#include <string>
#include <string_view>

#include "cuda/nccl_api.h"

namespace loratwin::cuda::nccl {

namespace {

template <class Function>
void find(void* library, const char* name, Function& function) {
  function = reinterpret_cast<Function>(dlsym(library, name));
  if (function == nullptr)
    throw std::runtime_error("NCCL: Expected the function " + std::string(name) + ", found none");
}

void* open() {
  const char* const given = std::getenv("LORATWIN_NCCL");
  const std::string name = given == nullptr || *given == '\0' ? "libnccl.so.2" : given;
  if (void* const library = dlopen(name.c_str(), RTLD_NOW | RTLD_LOCAL)) return library;
  throw std::runtime_error("NCCL: Expected " + name + ", found none that loads. Hint: put its folder on " +
                           "LD_LIBRARY_PATH, or its path into LORATWIN_NCCL");
}

std::string nameOf(const Library& loaded) {
  int version = 0;
  loaded.getVersion(&version);
  return "NCCL " + std::to_string(version / 10'000) + "." + std::to_string(version / 100 % 100) + "." +
         std::to_string(version % 100);
}

const Library& load() {
  static const Library loaded = [] {
    void* const file = open();
    Library made{};
    find(file, "ncclGetVersion", made.getVersion);
    int version = 0;
    made.getVersion(&version);
    if (version < kLeastVersion) throw std::runtime_error("NCCL: Expected version 2.17 or newer, got " + nameOf(made));
    find(file, "ncclGetErrorString", made.getErrorString);
    find(file, "ncclGetLastError", made.getLastError);
    find(file, "ncclGetUniqueId", made.getUniqueId);
    find(file, "ncclCommInitRankConfig", made.commInitRankConfig);
    find(file, "ncclCommGetAsyncError", made.commGetAsyncError);
    find(file, "ncclCommAbort", made.commAbort);
    find(file, "ncclSend", made.send);
    find(file, "ncclRecv", made.receive);
    return made;
  }();
  return loaded;
}

}  // namespace

const Library& library() {
  const char* const given = std::getenv("LORATWIN_NCCL");
  if (given != nullptr && std::string_view(given) == "0") throw std::runtime_error("NCCL: LORATWIN_NCCL is 0");
  return load();
}

std::string libraryName() { return nameOf(library()); }

}  // namespace loratwin::cuda::nccl
