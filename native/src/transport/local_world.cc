// Ranks of one process: for tests, and for whoever wants to see several machines on one.
#include <algorithm>
#include <condition_variable>
#include <cstring>
#include <map>
#include <stdexcept>
#include <tuple>

#include "runtime/clock.h"
#include "transport/world.h"

namespace loratwin {

namespace {

// The receiver copies from the sender's memory while the sender waits.
class PairChannel final : public Channel {
 public:
  void send(const std::byte* from, std::size_t bytes) override {
    std::unique_lock lock(mutex_);
    offered_ = from;
    offeredBytes_ = bytes;
    changed_.notify_all();
    changed_.wait(lock, [this] { return aborted_ || offered_ == nullptr; });
    requireOpen();
  }

  void receive(std::byte* to, std::size_t bytes) override {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return aborted_ || offered_ != nullptr; });
    requireOpen();
    if (offeredBytes_ != bytes) throw std::runtime_error("a message of another size");
    std::memcpy(to, offered_, bytes);
    offered_ = nullptr;
    changed_.notify_all();
  }

  void abort() override {
    const std::lock_guard lock(mutex_);
    aborted_ = true;
    changed_.notify_all();
  }

 private:
  void requireOpen() const {
    if (aborted_) throw std::runtime_error("the channel was closed");
  }

  std::mutex mutex_;
  std::condition_variable changed_;
  const std::byte* offered_ = nullptr;
  std::size_t offeredBytes_ = 0;
  bool aborted_ = false;
};

class LocalWorld;

struct Hub {
  std::mutex mutex;
  std::vector<std::weak_ptr<LocalWorld>> worlds;
  // By lower rank, higher rank and number.
  std::map<std::tuple<int, int, int>, std::shared_ptr<PairChannel>> channels;
};

class LocalWorld final : public World {
 public:
  LocalWorld(std::shared_ptr<Hub> hub, int rank, int size, std::function<void()> notify)
      : World(std::move(notify)), hub_(std::move(hub)), rank_(rank), size_(size) {}

  int rank() const override { return rank_; }
  int size() const override { return size_; }
  std::string name() const override { return "one process"; }
  void post(int to, Bytes message) override {
    if (const auto other = worldOf(to)) other->received({rank_, std::move(message)});
  }
  void tell(int to, Told told) override {
    if (const auto other = worldOf(to)) other->hear(told);
  }
  std::shared_ptr<Channel> channel(int peer, int number) override {
    const std::lock_guard lock(hub_->mutex);
    auto& channel = hub_->channels[{std::min(rank_, peer), std::max(rank_, peer), number}];
    if (!channel) channel = std::make_shared<PairChannel>();
    return channel;
  }
  void readClock() override { read({monotonicNs(), 0, 0}); }
  void finish() override { finished(); }

 private:
  std::shared_ptr<LocalWorld> worldOf(int rank) const {
    const std::lock_guard lock(hub_->mutex);
    return hub_->worlds.at(static_cast<std::size_t>(rank)).lock();
  }

  const std::shared_ptr<Hub> hub_;
  const int rank_;
  const int size_;
};

}  // namespace

std::vector<std::shared_ptr<World>> localWorlds(std::vector<std::function<void()>> notify) {
  const auto hub = std::make_shared<Hub>();
  std::vector<std::shared_ptr<World>> made;
  for (std::size_t rank = 0; rank < notify.size(); rank++) {
    auto world = std::make_shared<LocalWorld>(hub, static_cast<int>(rank), static_cast<int>(notify.size()),
                                              std::move(notify[rank]));
    hub->worlds.push_back(world);
    made.push_back(std::move(world));
  }
  return made;
}

}  // namespace loratwin
