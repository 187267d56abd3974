// loratwin_mpi.so, which links to MPI, is loaded when the first rank asks for it: an addon that did itself would not
// load where there is no MPI, and would start all of it for every command where there is.
#include <dlfcn.h>

#include <stdexcept>

#include "transport/mpi_library.h"
#include "transport/world.h"

namespace loratwin {

namespace {

template <typename Symbol>
Symbol symbolOf(const std::string& library, const char* name) {
  void* const loaded = dlopen(library.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (loaded == nullptr) throw std::runtime_error(dlerror());
  auto* const found = reinterpret_cast<Symbol>(dlsym(loaded, name));
  if (found == nullptr) throw std::runtime_error(dlerror());
  return found;
}

}  // namespace

std::shared_ptr<World> mpiWorld(const std::string& library, std::int64_t silenceNs, std::function<void()> notify) {
  std::shared_ptr<World> joined;
  symbolOf<JoinMpi>(library, kJoinMpi)(silenceNs, std::move(notify), joined);
  return joined;
}

std::string mpiName(const std::string& library) {
  std::string name;
  symbolOf<MpiName>(library, kMpiName)(name);
  return name;
}

}  // namespace loratwin
