// A strictly in-order queue with a thread of its own: the head waits for its events, runs, signals, and is reported.
#pragma once

#include <atomic>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "errors.h"
#include "runtime.h"

namespace loratwin {

// Counts down when its task is done or dropped.
class Use {
 public:
  explicit Use(std::atomic<int>& count) : count_(&count) { ++*count_; }
  ~Use() {
    if (count_ != nullptr) --*count_;
  }
  Use(Use&& other) noexcept : count_(other.count_) { other.count_ = nullptr; }
  Use& operator=(Use&&) = delete;
  Use(const Use&) = delete;

 private:
  std::atomic<int>* count_;
};

// A rank that hears of a task's end, and how often the task's event has been renewed there by then.
struct Listener {
  int rank = 0;
  std::int64_t generation = 0;
};

struct Task {
  std::int64_t id = 0;
  std::vector<const Event*> waits;
  Event* signal = nullptr;
  // Who hears of the end, of which event, and of what norm cells.
  std::vector<Listener> listeners;
  std::int64_t signalIndex = -1;
  std::vector<std::pair<std::int64_t, const double*>> toldCells;
  using Work = std::function<void(Completion&)>;

  // Does the task; on a CUDA stream, gives it to the stream.
  Work work;
  // On a CUDA stream, when the GPU has done it: takes the results.
  std::function<void(Completion&)> complete;
  // On a CUDA stream: `work` needs what the tasks before it and those it waits for leave on the host, so their being
  // given to a stream is not enough.
  bool hostWaits = false;
  std::vector<Use> uses;  // of the device and of adapters; released before the task is reported
};

struct StreamTimes {
  std::atomic<std::int64_t> busyNs{0};
  std::atomic<std::int64_t> waitNs{0};
  std::atomic<std::int64_t> starvedNs{0};
  std::atomic<std::int64_t> hostWaits{0};  // tasks with `hostWaits`
};

// What a stream's thread does before a task; `waits`: whether the task has to wait for an event anyway.
class BetweenTasks {
 public:
  virtual ~BetweenTasks() = default;
  virtual void between(bool waits) = 0;
};

class Stream {
 public:
  // `device` and `name` are for reports. The thread is pinned to `cores`, if any; `spins` as in Waiter.
  Stream(std::shared_ptr<Runtime> runtime, std::string device, const char* name, std::vector<int> cores, bool spins);
  virtual ~Stream();
  Stream(const Stream&) = delete;
  Stream& operator=(const Stream&) = delete;

  // Before start(): tells when the stream's thread sleeps.
  void watch(ThreadClock& clock) { waiter_.clock = &clock; }
  // Once, when everything that a task needs is there.
  void start();
  void enqueue(Task task);
  // From now on; lives as long as the stream.
  void doBetween(BetweenTasks& what) { between_.store(&what, std::memory_order_release); }
  // Drops what is pending and joins the thread, which ends the running task at its next operator.
  void stop();
  // Whether the running task should end early.
  bool stopping() const { return stopping_.load(std::memory_order_relaxed) || waiter_.hasFailed(); }
  const StreamTimes& times() const { return times_; }

 protected:
  // Waits, runs and reports a task, on the stream's thread.
  virtual void execute(Task task);
  // body(), whose errors become the runtime's failure; false when the task has not been done.
  template <class Body>
  bool guard(std::int64_t id, Body&& body);
  Completion begun(const Task& task) const;
  void report(Task task, Completion done);

  const std::shared_ptr<Runtime> runtime_;
  Waiter waiter_;
  StreamTimes times_;

 private:
  void loop();
  // Whether JavaScript should hear of a task that is done: its queue has just run low, or is empty. Holds the mutex.
  bool runsLow();

  const std::string device_;
  const char* const name_;
  const std::vector<int> cores_;
  // Guarded by the runtime's mutex: the queue, whether the thread waits for it to be filled, and whether JavaScript has
  // been told that it runs low.
  std::deque<Task> queue_;
  bool idle_ = false;
  std::int64_t filledNs_ = 0;
  bool low_ = false;
  std::atomic<bool> stopping_{false};
  // Of the thread alone: a task has ended it.
  bool ended_ = false;
  std::atomic<BetweenTasks*> between_{nullptr};
  std::thread thread_;
};

template <class Body>
bool Stream::guard(std::int64_t id, Body&& body) {
  try {
    body();
    return true;
  } catch (const Stopped&) {
  } catch (const StepError& error) {
    runtime_->fail({device_, id, error.step, error.what()});
  } catch (const ThreadEnds&) {
    ended_ = true;
  } catch (const std::exception& error) {
    runtime_->fail({device_, id, name_, error.what()});
  } catch (...) {
    runtime_->fail({device_, id, name_, "an error of an unknown kind"});
  }
  return false;
}

}  // namespace loratwin
