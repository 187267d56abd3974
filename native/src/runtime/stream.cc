#include "stream.h"

#include <algorithm>
#include <utility>

#include "clock.h"
#include "cpu/pool.h"

namespace loratwin {

namespace {

// JavaScript has as many tasks' time to fill the queue again.
constexpr std::size_t kLowQueue = 32;

}  // namespace

Stream::Stream(std::shared_ptr<Runtime> runtime, std::string device, const char* name, std::vector<int> cores,
               bool spins)
    : runtime_(std::move(runtime)), device_(std::move(device)), name_(name), cores_(std::move(cores)) {
  waiter_.spins = spins;
  waiter_.failed = &runtime_->failedIn(device_);
  runtime_->enlist(waiter_);
}

void Stream::start() {
  thread_ = std::thread([this] { loop(); });
}

Stream::~Stream() {
  stop();
  runtime_->strike(waiter_);
}

void Stream::enqueue(Task task) {
  const std::lock_guard lock(runtime_->mutex);
  // A failed domain reports nothing any more: the task is dropped here.
  if (waiter_.hasFailed() || stopping_) return;
  queue_.push_back(std::move(task));
  // A thread that waits for an event instead would only be in JavaScript's way.
  if (!idle_) return;
  filledNs_ = monotonicNs();
  waiter_.wake.notify_all();
}

void Stream::stop() {
  stopping_ = true;
  runtime_->stop(waiter_);
  if (thread_.joinable()) thread_.join();
  std::deque<Task> dropped;
  const std::lock_guard lock(runtime_->mutex);
  std::swap(dropped, queue_);
}

void Stream::loop() {
  try {
    if (!cores_.empty()) enterThread(cores_, name_);
  } catch (const ArgumentError& error) {
    runtime_->fail({device_, -1, "thread", error.what()});
  }
  bool started = false;
  for (;;) {
    Task task;
    {
      std::unique_lock lock(runtime_->mutex);
      const std::int64_t from = monotonicNs();
      const auto ready = [this] { return waiter_.stopping || waiter_.hasFailed() || !queue_.empty(); };
      if (!ready()) {
        idle_ = true;
        const std::int64_t asleep = waiter_.clock == nullptr ? 0 : waiter_.clock->fallAsleep();
        waiter_.wake.wait(lock, ready);
        if (waiter_.clock != nullptr) waiter_.clock->wakeUp(asleep, filledNs_);
        idle_ = false;
      }
      if (waiter_.stopping) return;
      if (waiter_.hasFailed()) {
        queue_.clear();
        waiter_.wake.wait(lock, [this] { return waiter_.stopping; });
        return;
      }
      task = std::move(queue_.front());
      queue_.pop_front();
      if (std::exchange(started, true)) times_.starvedNs += monotonicNs() - from;
    }
    execute(std::move(task));
    if (ended_) return;
  }
}

Completion Stream::begun(const Task& task) const {
  Completion done;
  done.device = device_;
  done.stream = name_;
  done.id = task.id;
  done.startNs = runtime_->nowNs();
  return done;
}

void Stream::execute(Task task) {
  if (BetweenTasks* const between = between_.load(std::memory_order_acquire)) {
    const auto isOpen = [](const Event* event) { return !event->signalled.load(std::memory_order_acquire); };
    between->between(std::ranges::any_of(task.waits, isOpen));
  }
  const std::int64_t from = monotonicNs();
  bool ready = true;
  for (const Event* event : task.waits) ready = ready && runtime_->await(*event, waiter_);
  times_.waitNs += monotonicNs() - from;
  if (!ready) return;
  Completion done = begun(task);
  if (!guard(task.id, [&] { task.work(done); })) return;
  done.endNs = runtime_->nowNs();
  report(std::move(task), std::move(done));
}

void Stream::report(Task task, Completion done) {
  times_.busyNs += done.endNs - done.startNs;
  task.work = nullptr;
  task.complete = nullptr;
  task.uses.clear();
  bool wanted = false;
  {
    const std::lock_guard lock(runtime_->mutex);
    wanted = runsLow();
  }
  Told told{task.signalIndex, 0, {}};
  for (const auto& [index, cell] : task.toldCells) told.cells.emplace_back(index, *cell);
  const std::vector<Listener> listeners = std::move(task.listeners);
  // The completion comes first: what others do once they were told must not be reported here before it.
  runtime_->finish(task.signal, std::move(done), wanted);
  for (const Listener& listener : listeners) {
    told.generation = listener.generation;
    runtime_->tell(listener.rank, told);
  }
}

bool Stream::runsLow() {
  const bool low = queue_.size() <= kLowQueue;
  return queue_.empty() || (!std::exchange(low_, low) && low);
}

}  // namespace loratwin
