#include "core_claims.h"

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <cstring>
#include <mutex>
#include <set>
#include <string>

namespace loratwin {

bool claimCore(int core) {
  static std::mutex mutex;
  static std::set<int> own;
  const std::lock_guard lock(mutex);
  if (own.contains(core)) return true;
  // A name in the abstract namespace of sockets: one process has it.
  // It is gone with the process, however that ends.
  const int socket = ::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (socket < 0) return true;
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  const std::string name = "loratwin-core-" + std::to_string(core);
  std::memcpy(address.sun_path + 1, name.data(), name.size());
  const auto length = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + 1 + name.size());
  if (::bind(socket, reinterpret_cast<const sockaddr*>(&address), length) != 0) {
    const bool isTaken = errno == EADDRINUSE;
    ::close(socket);
    return !isTaken;
  }
  own.insert(core);
  return true;
}

}  // namespace loratwin
