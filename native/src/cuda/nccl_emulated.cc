// NCCL's table without a GPU: a communicator of two ranks is a TCP connection of this machine with a thread, which does
// what its calls give to streams of the emulation. As with NCCL an operation is under way until the other rank gives
// its part, for ever where that never comes, until the communicator is aborted; and calls return at once.
#include <arpa/inet.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <condition_variable>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <map>
#include <mutex>
#include <stdexcept>
#include <string_view>
#include <thread>
#include <utility>

#include "cuda/nccl_api.h"
#include "emulation/emulation.h"
#include "emulation/streams.h"

namespace loratwin::cuda::nccl {

namespace {

using emulation::Stream;
using emulation::UnderWay;

constexpr int kVersion = kLeastVersion;
// How long a wait for the socket lasts before it is looked whether the communicator was aborted.
constexpr int kPollMs = 20;

struct Operation {
  bool sends;
  std::byte* data;
  std::size_t bytes;
  // What the stream was given before.
  emulation::AllUnderWay after;
  std::shared_ptr<UnderWay> underWay;
};

// By port: the sockets of ids whose first rank has not come yet.
std::mutex listenersMutex;
std::map<std::uint16_t, int> listeners;

sockaddr_in loopback(std::uint16_t port) {
  sockaddr_in at{};
  at.sin_family = AF_INET;
  at.sin_port = port;
  at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return at;
}

}  // namespace

struct CommunicatorState {
 public:
  CommunicatorState(int rank, std::uint16_t port) : thread_([this, rank, port] { run(rank, port); }) {}
  // Ends what is under way.
  ~CommunicatorState() {
    {
      const std::lock_guard lock(mutex_);
      aborted_ = true;
    }
    changed_.notify_all();
    thread_.join();
    for (const Operation& dropped : operations_) dropped.underWay->end();
    if (socket_ >= 0) close(socket_);
  }
  CommunicatorState(const CommunicatorState&) = delete;
  CommunicatorState& operator=(const CommunicatorState&) = delete;

  int result() const { return result_; }

  void add(bool sends, std::byte* data, std::size_t bytes, Stream& stream) {
    auto underWay = std::make_shared<UnderWay>();
    emulation::AllUnderWay after = std::exchange(stream.underWay, {underWay});
    {
      const std::lock_guard lock(mutex_);
      operations_.push_back({sends, data, bytes, std::move(after), std::move(underWay)});
    }
    changed_.notify_all();
  }

 private:
  void run(int rank, std::uint16_t port) {
    connect(rank, port);
    for (;;) {
      std::unique_lock lock(mutex_);
      changed_.wait(lock, [this] { return aborted_ || !operations_.empty(); });
      if (aborted_) return;
      const Operation operation = std::move(operations_.front());
      operations_.pop_front();
      lock.unlock();
      for (const auto& each : operation.after) each->wait();
      carryOut(operation);
      operation.underWay->end();
    }
  }

  void connect(int rank, std::uint16_t port) {
    const sockaddr_in at = loopback(port);
    if (rank == 0) {
      const int listener = takeListener(port);
      while (!aborted_ && !isReady(listener, POLLIN)) continue;
      if (!aborted_) socket_ = accept4(listener, nullptr, nullptr, SOCK_CLOEXEC);
      close(listener);
    } else {
      socket_ = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
      if (::connect(socket_, reinterpret_cast<const sockaddr*>(&at), sizeof at) != 0) {
        result_ = kSystemError;
        return;
      }
    }
    result_ = socket_ < 0 ? kSystemError : kSuccess;
  }

  static int takeListener(std::uint16_t port) {
    const std::lock_guard lock(listenersMutex);
    const auto found = listeners.find(port);
    const int listener = found->second;
    listeners.erase(found);
    return listener;
  }

  static bool isReady(int socket, short what) {
    pollfd asked{socket, what, 0};
    return poll(&asked, 1, kPollMs) > 0;
  }

  // A send ends when the other rank has taken all, which it says with a byte.
  void carryOut(const Operation& operation) {
    std::byte taken{};
    if (operation.sends) emulation::requireWritten(operation.data, operation.bytes, "ncclSend");
    move(operation.sends, operation.data, operation.bytes);
    move(!operation.sends, &taken, 1);
    if (!operation.sends && result_ == kSuccess && !aborted_) emulation::markWritten(operation.data, operation.bytes);
  }

  // All bytes, or until the communicator is aborted: a kernel of NCCL waits for ever too.
  void move(bool sends, std::byte* data, std::size_t bytes) {
    std::size_t done = 0;
    while (done < bytes && !aborted_) {
      if (result_ != kSuccess) {
        std::unique_lock lock(mutex_);
        changed_.wait(lock, [this] { return aborted_.load(); });
        return;
      }
      if (!isReady(socket_, sends ? POLLOUT : POLLIN)) continue;
      const ssize_t moved = sends ? ::send(socket_, data + done, bytes - done, MSG_DONTWAIT | MSG_NOSIGNAL)
                                  : ::recv(socket_, data + done, bytes - done, MSG_DONTWAIT);
      if (moved > 0)
        done += static_cast<std::size_t>(moved);
      else if (moved == 0 || (errno != EAGAIN && errno != EINTR))
        result_ = kRemoteError;
    }
  }

  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<Operation> operations_;
  std::atomic<bool> aborted_{false};
  std::atomic<int> result_{kInProgress};
  int socket_ = -1;
  std::thread thread_;
};

namespace {

int getVersion(int* version) {
  *version = kVersion;
  return kSuccess;
}

const char* getErrorString(int result) {
  return result == kRemoteError ? "remote process exited or there was a network error" : "unhandled error";
}
const char* getLastError(Communicator) { return ""; }

int getUniqueId(UniqueId* id) {
  const int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in at = loopback(0);
  socklen_t length = sizeof at;
  if (bind(listener, reinterpret_cast<sockaddr*>(&at), sizeof at) != 0 || listen(listener, 1) != 0 ||
      getsockname(listener, reinterpret_cast<sockaddr*>(&at), &length) != 0) {
    close(listener);
    return kSystemError;
  }
  *id = {};
  std::memcpy(id->internal, &at.sin_port, sizeof at.sin_port);
  const std::lock_guard lock(listenersMutex);
  listeners[at.sin_port] = listener;
  return kSuccess;
}

int commInitRankConfig(Communicator* made, int ranks, UniqueId id, int rank, Config* config) {
  if (ranks != 2 || rank < 0 || rank > 1 || config->magic != Config{}.magic || config->blocking != 0) {
    return kInvalidArgument;
  }
  std::uint16_t port = 0;
  std::memcpy(&port, id.internal, sizeof port);
  *made = new CommunicatorState(rank, port);
  return kInProgress;
}

int commGetAsyncError(Communicator communicator, int* error) {
  *error = communicator->result();
  return kSuccess;
}

int commAbort(Communicator communicator) {
  delete communicator;
  return kSuccess;
}

int give(bool sends, void* data, std::size_t count, int type, Communicator communicator, void* stream) {
  auto& to = *static_cast<Stream*>(stream);
  if (type != kUint8 || to.capturing) return kInvalidArgument;
  communicator->add(sends, static_cast<std::byte*>(data), count, to);
  return communicator->result();
}

int send(const void* data, std::size_t count, int type, int, Communicator communicator, void* stream) {
  return give(true, const_cast<void*>(data), count, type, communicator, stream);
}

int receive(void* data, std::size_t count, int type, int, Communicator communicator, void* stream) {
  return give(false, data, count, type, communicator, stream);
}

}  // namespace

const Library& library() {
  const char* const given = std::getenv("LORATWIN_NCCL");
  if (given != nullptr && std::string_view(given) == "0") throw std::runtime_error("NCCL: LORATWIN_NCCL is 0");
  static const Library table{getVersion,        getErrorString, getLastError, getUniqueId, commInitRankConfig,
                             commGetAsyncError, commAbort,      send,         receive};
  return table;
}

std::string libraryName() {
  library();
  return "emulated NCCL 1.0.0";
}

}  // namespace loratwin::cuda::nccl
