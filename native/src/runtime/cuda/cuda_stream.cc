#include "runtime/cuda/cuda_stream.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "cuda/driver.h"

namespace loratwin {

namespace {

// An event's distance from the anchor is a float of milliseconds: beyond this it loses the microseconds.
constexpr std::int64_t kAnchorNs = 4'000'000'000;
constexpr int kAnchorTries = 5;

}  // namespace

CudaStream::CudaStream(std::shared_ptr<Runtime> runtime, std::string device, const char* name, int index)
    : Stream(std::move(runtime), std::move(device), name, {}, false), index_(index) {
  cuda::useDevice(index_);
  stream_ = cuda::createStream();
  anchor();
  reporterWaiter_.failed = waiter_.failed;
  runtime_->enlist(reporterWaiter_);
  reporter_ = std::thread([this] { reportLoop(); });
}

CudaStream::~CudaStream() {
  halt();
  runtime_->strike(reporterWaiter_);
  for (void* const event : spareEvents_) cuda::destroyEvent(event);
  cuda::destroyEvent(anchor_);
  cuda::destroyStream(stream_);
}

void CudaStream::halt() {
  stop();
  {
    const std::lock_guard lock(mutex_);
    ending_ = true;
  }
  runtime_->stop(reporterWaiter_);
  changed_.notify_all();
  if (reporter_.joinable()) reporter_.join();
}

// The try with the least time between the two readings of the host's clock.
void CudaStream::anchor() {
  std::int64_t least = std::numeric_limits<std::int64_t>::max();
  for (int i = 0; i < kAnchorTries; i++) {
    void* const event = cuda::createEvent();
    const std::int64_t before = runtime_->nowNs();
    cuda::record(event, stream_);
    cuda::synchronizeEvent(event);
    const std::int64_t after = runtime_->nowNs();
    if (after - before >= least) {
      cuda::destroyEvent(event);
      continue;
    }
    least = after - before;
    if (anchor_ != nullptr) cuda::destroyEvent(anchor_);
    anchor_ = event;
    anchorNs_ = before + least / 2;
  }
  lastEndNs_ = anchorNs_;
}

std::int64_t CudaStream::timeOf(void* event) { return anchorNs_ + cuda::elapsedNs(anchor_, event); }

void* CudaStream::takeEvent() {
  const std::lock_guard lock(mutex_);
  if (spareEvents_.empty()) return cuda::createEvent();
  void* const event = spareEvents_.back();
  spareEvents_.pop_back();
  return event;
}

void CudaStream::waitForReports() {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [this] { return unreported_ == 0; });
}

bool CudaStream::waitFor(const Task& task) {
  if (task.hostWaits) {
    times_.hostWaits++;
    waitForReports();
  }
  for (const Event* const event : task.waits) {
    const bool ready =
        task.hostWaits ? runtime_->await(*event, waiter_)
                       : runtime_->awaitRecorded(*event, waiter_, [this](void* end) { cuda::waitEvent(stream_, end); });
    if (!ready) return false;
  }
  return true;
}

void CudaStream::execute(Task task) {
  Completion done = begun(task);
  void* start = nullptr;
  void* end = nullptr;
  const bool launched = guard(task.id, [&] {
    cuda::useDevice(index_);
    if (!waitFor(task)) throw Stopped{};
    start = takeEvent();
    end = takeEvent();
    cuda::record(start, stream_);
    task.work(done);
    cuda::record(end, stream_);
    if (task.signal != nullptr) runtime_->record(*task.signal, end);
  });
  if (!launched) return;
  {
    const std::lock_guard lock(mutex_);
    given_.push_back({std::move(task), std::move(done), start, end});
    unreported_++;
  }
  changed_.notify_all();
}

void CudaStream::reportLoop() {
  for (;;) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return ending_ || !given_.empty(); });
    if (given_.empty()) return;
    Given given = std::move(given_.front());
    given_.pop_front();
    lock.unlock();
    finish(std::move(given));
    lock.lock();
    unreported_--;
    lock.unlock();
    changed_.notify_all();
  }
}

void CudaStream::finish(Given given) {
  Completion& done = given.done;
  const bool finished = guard(given.task.id, [&] {
    cuda::useDevice(index_);
    cuda::synchronizeEvent(given.end);
    // A task is never reported before those that it depends on, which other threads report.
    for (const Event* const event : given.task.waits) {
      if (!runtime_->await(*event, reporterWaiter_)) throw Stopped{};
    }
    done.startNs = timeOf(given.start);
    done.endNs = timeOf(given.end);
    if (given.task.complete) given.task.complete(done);
  });
  if (!finished) return;
  times_.waitNs += std::max<std::int64_t>(0, done.startNs - std::exchange(lastEndNs_, done.endNs));
  const std::int64_t endNs = done.endNs;
  // Until it is reported others may take up the end event through its signal.
  report(std::move(given.task), std::move(done));
  const std::lock_guard lock(mutex_);
  if (endNs - anchorNs_ > kAnchorNs) {
    anchorNs_ = endNs;
    std::swap(anchor_, given.end);
  }
  spareEvents_.insert(spareEvents_.end(), {given.start, given.end});
}

}  // namespace loratwin
