// loratwin_mpi.so, which links to MPI, is loaded when the first rank asks for it: an addon that did itself would not
// load where there is no MPI, and would start all of it for every command where there is.
#include <dlfcn.h>

#include <stdexcept>

#include "transport/mpi_library.h"
#include "transport/world.h"

namespace loratwin {

std::shared_ptr<World> mpiWorld(const std::string& library, std::int64_t silenceNs, std::function<void()> notify) {
  void* const loaded = dlopen(library.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (loaded == nullptr) throw std::runtime_error(dlerror());
  auto* const join = reinterpret_cast<JoinMpi>(dlsym(loaded, kJoinMpi));
  if (join == nullptr) throw std::runtime_error(dlerror());
  std::shared_ptr<World> joined;
  join(silenceNs, std::move(notify), joined);
  return joined;
}

}  // namespace loratwin
