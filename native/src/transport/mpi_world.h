// A rank that MPI has launched. One thread makes all of its MPI calls, so that MPI_THREAD_FUNNELED is enough and
// messages move on while others compute; streams give it their transfers and sleep.
#pragma once

#include <mpi.h>

#include <atomic>
#include <condition_variable>
#include <deque>
#include <list>
#include <map>
#include <mutex>
#include <optional>
#include <thread>
#include <utility>

#include "transport/world.h"

namespace loratwin {

// One message of a channel, on the stack of the stream's thread that waits for it.
struct MpiTransfer {
  const bool sends;
  std::byte* const data;
  const std::size_t bytes;
  const int peer;
  const int tag;
  // Of the progress thread: what has been given to MPI, in parts.
  std::size_t given = 0;
  MPI_Request request = MPI_REQUEST_NULL;
  // Guarded by the world's mutex.
  bool isDone = false;
};

class MpiWorld final : public World, public std::enable_shared_from_this<MpiWorld> {
 public:
  // Returns once MPI has started. `silenceNs`: how long another rank may say nothing.
  MpiWorld(std::int64_t silenceNs, std::function<void()> notify);
  ~MpiWorld() override;

  int rank() const override { return rank_; }
  int size() const override { return size_; }
  std::string name() const override { return name_; }
  void post(int to, Bytes message) override;
  void tell(int to, Told told) override;
  std::shared_ptr<Channel> channel(int peer, int number) override;
  void readClock() override;
  void finish() override;

  // Until the transfer is done. Throws when the world has failed, or when `aborted` comes true.
  void transfer(MpiTransfer& transfer, const std::atomic<bool>& aborted);
  void wakeAll();

 private:
  // `ready`: a receive has been posted, so that the message of a channel may be sent.
  enum class Kind : std::uint8_t { message, told, ping, pong, beat, ready };

  struct Outgoing {
    Bytes bytes;
    MPI_Request request = MPI_REQUEST_NULL;
  };
  // A comparison of clocks that is under way.
  struct Comparison {
    int roundsLeft = 0;
    std::int64_t startNs = 0;
    std::int64_t sentNs = 0;
    std::optional<ClockReading> best;
  };

  void run();
  void start();
  void loop();
  // Takes what others want; sleeps up to `ns` where that is nothing.
  void takeTasks(std::int64_t ns);
  bool poll();
  bool pollTransfers();
  bool pollOutgoing();
  bool pollIncoming();
  void handle(int from, Kind kind, Bytes bytes);
  void send(int to, Kind kind, const void* data, std::size_t bytes);
  void begin(MpiTransfer& transfer);
  void giveNextPart(MpiTransfer& transfer);
  void startComparison();
  void ping();
  void pong(std::int64_t remoteNs);
  void beat(std::int64_t nowNs);
  bool isQuiet() const { return transfers_.empty() && waiting_.empty() && outgoing_.empty() && !comparison_; }
  void submit(std::function<void()> task);

  const std::int64_t silenceNs_;
  int rank_ = 0;
  int size_ = 1;
  std::string name_;

  mutable std::mutex mutex_;
  std::condition_variable wake_;
  std::condition_variable moved_;
  // Guarded by the mutex.
  std::deque<std::function<void()>> tasks_;
  std::string failure_;
  bool isStarted_ = false;
  bool isEnding_ = false;

  // Of the progress thread.
  std::list<MpiTransfer*> transfers_;
  // Sends whose receiver is not ready, and receivers that are before there is a send; by peer and tag.
  std::map<std::pair<int, int>, MpiTransfer*> waiting_;
  std::map<std::pair<int, int>, int> ready_;
  std::list<Outgoing> outgoing_;
  std::optional<Comparison> comparison_;
  std::vector<std::int64_t> heardNs_;
  std::int64_t beatNs_ = 0;
  std::thread thread_;
};

}  // namespace loratwin
