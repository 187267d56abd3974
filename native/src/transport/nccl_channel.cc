#include "transport/nccl_channel.h"

#include <chrono>
#include <cstdint>
#include <stdexcept>
#include <utility>

#include "runtime/errors.h"

namespace loratwin {

namespace {

using namespace cuda;

constexpr int kRanks = 2;
constexpr int kSender = 0;
constexpr int kReceiver = 1;
// Of an operation's kernel: stages compute meanwhile.
constexpr int kMostBlocks = 4;
constexpr std::chrono::milliseconds kWatchEvery{100};
constexpr std::chrono::microseconds kPollEvery{50};

}  // namespace

NcclChannel::NcclChannel(std::shared_ptr<Channel> forth, std::shared_ptr<Channel> back, int peer)
    : forth_(std::move(forth)), back_(std::move(back)), peer_(peer) {}

NcclChannel::~NcclChannel() {
  abort();
  if (watchdog_.joinable()) watchdog_.join();
}

void NcclChannel::send(const std::byte* from, std::size_t bytes, void* stream) {
  meet(kSender);
  const auto room = hear<std::uint64_t>(*back_);
  if (room != bytes) {
    throw std::runtime_error("rank " + std::to_string(peer_) + " takes a message of " + std::to_string(room) +
                             " bytes, not of " + std::to_string(bytes));
  }
  call("ncclSend", [&](const nccl::Library& library) {
    return library.send(from, bytes, nccl::kUint8, kReceiver, communicator_, stream);
  });
}

void NcclChannel::receive(std::byte* to, std::size_t bytes, void* stream) {
  meet(kReceiver);
  // Ends when the sender begins to hear it: its bytes are there.
  tell(*back_, std::uint64_t{bytes});
  call("ncclRecv", [&](const nccl::Library& library) {
    return library.receive(to, bytes, nccl::kUint8, kSender, communicator_, stream);
  });
}

void NcclChannel::requireWhole() {
  const std::lock_guard lock(mutex_);
  requireOpen();
}

void NcclChannel::abort() {
  const std::lock_guard lock(mutex_);
  close("the channel was closed");
}

void NcclChannel::meet(int rank) {
  if (std::exchange(hasMet_, true)) return;
  nccl::UniqueId id{};
  if (rank == kSender) {
    call("ncclGetUniqueId", [&](const nccl::Library& library) { return library.getUniqueId(&id); });
    tell(*forth_, id);
  } else {
    id = hear<nccl::UniqueId>(*forth_);
  }
  nccl::Config config;
  config.blocking = 0;
  config.minCtas = 1;
  config.maxCtas = kMostBlocks;
  call("ncclCommInitRankConfig", [&](const nccl::Library& library) {
    return library.commInitRankConfig(&communicator_, kRanks, id, rank, &config);
  });
  watchdog_ = std::thread([this] { watch(); });
}

template <class Value>
void NcclChannel::tell(Channel& channel, const Value& value) {
  try {
    channel.send(reinterpret_cast<const std::byte*>(&value), sizeof value);
  } catch (const std::runtime_error&) {
    requireWhole();
    throw;
  }
}

template <class Value>
Value NcclChannel::hear(Channel& channel) {
  Value value{};
  try {
    channel.receive(reinterpret_cast<std::byte*>(&value), sizeof value);
  } catch (const std::runtime_error&) {
    requireWhole();
    throw;
  }
  return value;
}

void NcclChannel::call(const char* name, const std::function<int(const nccl::Library&)>& body) {
  std::unique_lock lock(mutex_);
  requireOpen();
  int result = progress(name, body(nccl::library()));
  // What is in progress may not be in the stream yet.
  while (result == nccl::kInProgress) {
    changed_.wait_for(lock, kPollEvery);
    requireOpen();
    const int asked = nccl::library().commGetAsyncError(communicator_, &result);
    result = progress(name, asked == nccl::kSuccess ? result : asked);
  }
}

int NcclChannel::progress(const char* name, int result) {
  if (result == nccl::kSuccess || result == nccl::kInProgress) return result;
  const nccl::Library& library = nccl::library();
  const std::string last = communicator_ == nullptr ? "" : library.getLastError(communicator_);
  close(std::string(name) + " with rank " + std::to_string(peer_) + ": " + library.getErrorString(result) +
        (last.empty() ? "" : " (" + last + ")"));
  throw std::runtime_error(reason_);
}

void NcclChannel::requireOpen() const {
  if (!reason_.empty()) throw std::runtime_error(reason_);
}

void NcclChannel::close(const std::string& reason) {
  if (!reason_.empty()) return;
  reason_ = reason;
  forth_->abort();
  back_->abort();
  if (auto* const gone = std::exchange(communicator_, nullptr)) nccl::library().commAbort(gone);
  changed_.notify_all();
}

void NcclChannel::watch() {
  std::unique_lock lock(mutex_);
  while (reason_.empty()) {
    changed_.wait_for(lock, kWatchEvery);
    if (communicator_ == nullptr) return;
    int error = nccl::kSuccess;
    const int asked = nccl::library().commGetAsyncError(communicator_, &error);
    try {
      progress("NCCL", asked == nccl::kSuccess ? error : asked);
    } catch (const std::runtime_error&) {
      // Whoever uses the channel hears of it.
      return;
    }
  }
}

std::shared_ptr<NcclChannel> ncclChannel(World& world, int peer, int number) {
  try {
    nccl::library();
  } catch (const std::runtime_error& error) {
    throw ArgumentError("NCCL", "channel", error.what());
  }
  return std::make_shared<NcclChannel>(world.channel(peer, number), world.channel(peer, number + 1), peer);
}

}  // namespace loratwin
