// What the devices share: the clock, one-shot events, norm cells, the list of finished tasks, and the one failure.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "shared_weights.h"
#include "thread_clock.h"
#include "transport/told.h"

namespace loratwin {

struct Event {
  std::atomic<bool> signalled{false};
  std::atomic<std::int64_t> signalledNs{0};
  // A CUDA event that comes true with it, once that is in a stream and until it is signalled. Guarded by the mutex.
  void* recorded = nullptr;
  // How often it has been made new. Guarded by the mutex.
  std::int64_t generation = 0;
  bool claimed = false;  // some task or JavaScript is to signal it; JavaScript's thread only
};

struct Completion {
  std::string device;
  const char* stream = "compute";
  std::int64_t id = 0;
  std::int64_t startNs = 0;
  std::int64_t endNs = 0;
  std::optional<std::vector<double>> losses;
  std::optional<std::vector<double>> sumSquares;
  std::optional<std::vector<float>> parameters;
  std::optional<std::vector<double>> opNs;
  // What the system took from the task's threads meanwhile, and from its own between the task before it and this one;
  // where there is none, nobody counted.
  std::optional<Interruption> interruption;
  std::int64_t delayedNs = 0;
};

struct Failure {
  std::string device;
  std::int64_t id = 0;
  std::string step;
  std::string message;
};

// One thread that waits for events or work, and how to wake it.
struct Waiter {
  std::condition_variable wake;
  // Whether it may wait busily for a moment: only a thread whose core has nothing else to do.
  bool spins = false;
  // Told when the thread sleeps, if somebody wants to know.
  ThreadClock* clock = nullptr;
  // Whether a device of its domain has failed; see Runtime::failedIn.
  const std::atomic<bool>* failed = nullptr;
  // Guarded by the runtime's mutex.
  const Event* event = nullptr;
  bool stopping = false;

  bool hasFailed() const { return failed->load(std::memory_order_acquire); }
};

class Runtime {
 public:
  // `notify` is called from device threads when there is something to drain; once until the next drain().
  explicit Runtime(std::function<void()> notify);

  // JavaScript's thread only.
  std::int64_t createEvents(std::int64_t count);
  // Events that have been signalled, and that no task waits for any more, as if they were new.
  void renewEvents(const std::vector<std::int64_t>& indices);
  std::int64_t createNormCells(std::int64_t count);
  Event* event(std::int64_t index, const char* at);
  Event* claimSignal(std::int64_t index);
  double* normCell(std::int64_t index);

  void signal(Event& event);
  // Sleeps until the event is signalled. False: the waiter stops or its domain failed.
  bool await(const Event& event, Waiter& waiter);
  // The same, but an event that is recorded is enough: `use` is called with the CUDA event, which stays what it is
  // during the call.
  bool awaitRecorded(const Event& event, Waiter& waiter, const std::function<void(void*)>& use);
  void record(Event& event, void* recorded);
  void stop(Waiter& waiter);

  // `wanted`: JavaScript is woken for it, else at most once every kReportNs, as it runs on the devices' cores.
  void finish(Event* signalled, Completion completion, bool wanted);
  // Who carries to other ranks what tasks tell them; before the first of these. Called on the devices' threads.
  void tellBy(std::function<void(int rank, Told told)> teller) { teller_ = std::move(teller); }
  void tell(int rank, Told told) { teller_(rank, std::move(told)); }
  // A task of another rank has ended; from any thread.
  void hear(const Told& told);
  // Before the device is made: devices of a domain wait for each other's events and for no others', and stop together.
  // All are of domain 0 where nothing else was said.
  void setDomain(const std::string& device, std::int64_t domain);
  // Comes true for all devices of the domain of this one; as long as the runtime lives.
  const std::atomic<bool>& failedIn(const std::string& device);
  // The first failure in a domain counts: every stream of it drops its pending tasks from now on.
  void fail(Failure failure);

  struct Batch {
    std::vector<Completion> completions;
    std::vector<Failure> failures;
  };
  Batch drain();
  std::int64_t nowNs() const;
  // What the monotonic clock showed when nowNs() was 0.
  std::int64_t originNs() const { return start_; }

  SharedWeights sharedWeights;

  // Guards the queues of all streams too: tasks take milliseconds, so one mutex is not contended.
  std::mutex mutex;

  void enlist(Waiter& waiter);
  void strike(Waiter& waiter);

 private:
  // All hold the mutex.
  void wake(const Event& event);
  void mark(Event& event);
  bool announce();
  // Whether what was told could be noted: not of an event, or of cells, that are yet to be made or made new.
  bool note(const Told& told);
  void noteEarly() {
    std::erase_if(early_, [this](const Told& told) { return note(told); });
  }
  std::atomic<bool>& failed(const std::string& device) { return failed_[domains_[device]]; }

  std::function<void()> notify_;
  std::int64_t start_;
  std::deque<Event> events_;
  std::deque<double> cells_;
  std::vector<Waiter*> waiters_;
  std::function<void(int, Told)> teller_;
  std::vector<Told> early_;
  std::vector<Completion> completions_;
  std::vector<Failure> failures_;
  std::map<std::string, std::int64_t> domains_;
  std::map<std::int64_t, std::atomic<bool>> failed_;
  bool announced_ = false;
  std::int64_t announcedNs_ = 0;
};

}  // namespace loratwin
