// The processes of a run, its ranks: messages between their JavaScript, what tasks of one tell the runtime of another,
// channels between their devices, and how their clocks differ.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "transport/channel.h"
#include "transport/told.h"

namespace loratwin {

using Bytes = std::vector<std::byte>;

struct Received {
  int from = 0;
  Bytes message;
};

// What the clock of rank 0 showed when this rank's showed `ownNs`: `offsetNs` more, within half of `roundTripNs`.
struct ClockReading {
  std::int64_t ownNs = 0;
  std::int64_t offsetNs = 0;
  std::int64_t roundTripNs = 0;
};

class World {
 public:
  struct Batch {
    std::vector<Received> received;
    std::vector<ClockReading> readings;
    // Why no rank can be reached any more; empty while they can.
    std::string failure;
    bool isFinished = false;
  };

  virtual ~World() = default;
  World(const World&) = delete;
  World& operator=(const World&) = delete;

  virtual int rank() const = 0;
  virtual int size() const = 0;
  // What carries the messages, for people.
  virtual std::string name() const = 0;

  // From JavaScript's thread. Messages to one rank arrive in their order; nothing is waited for.
  virtual void post(int to, Bytes message) = 0;
  // From any thread, to the runtime that is attached there.
  virtual void tell(int to, Told told) = 0;
  // To or from `peer`; the same `number`, from 0, on both sides.
  virtual std::shared_ptr<Channel> channel(int peer, int number) = 0;
  // Compares this rank's clock with that of rank 0; the reading comes with a batch.
  virtual void readClock() = 0;
  // Nothing is sent any more by any rank: the batch that says `isFinished` is the last one.
  virtual void finish() = 0;

  // Who hears what others tell, on any thread.
  void attach(std::function<void(const Told&)> listener);
  Batch drain();
  // Nobody listens or is woken any more: JavaScript goes away.
  void silence();

 protected:
  // `notify` is called from any thread when there is something to drain; once until the next drain().
  explicit World(std::function<void()> notify) : notify_(std::move(notify)) {}

  void received(Received message);
  void read(ClockReading reading);
  void failed(const std::string& reason);
  void finished();
  void hear(const Told& told);

 private:
  template <class Change>
  void change(Change&& make);

  std::mutex mutex_;
  std::function<void()> notify_;
  Batch batch_;
  bool announced_ = false;
  std::function<void(const Told&)> listener_;
  // What was told before there was a listener.
  std::vector<Told> early_;
};

// So many ranks in this process, each with its `notify`.
std::vector<std::shared_ptr<World>> localWorlds(std::vector<std::function<void()>> notify);

// This process's rank among those that MPI has launched. `library`: path of loratwin_mpi.so; `silenceNs`: how long
// another rank may say nothing. Throws std::runtime_error where it cannot be loaded, or MPI not be started.
std::shared_ptr<World> mpiWorld(const std::string& library, std::int64_t silenceNs, std::function<void()> notify);

// What loratwin_mpi.so was built with, such as "Open MPI v5.0.7", without a start of MPI. Throws as `mpiWorld` does.
std::string mpiName(const std::string& library);

}  // namespace loratwin
