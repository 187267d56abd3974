#include "runtime.h"

#include <algorithm>
#include <utility>

#include "clock.h"
#include "errors.h"

namespace loratwin {

namespace {

constexpr std::int64_t kReportNs = 100'000'000;
// Of events, and of norm cells: far more than a run has, and no more than there is memory for.
constexpr std::int64_t kMaxCount = std::int64_t{1} << 26;

// How many there are. Throws ArgumentError where `more` would be too many.
std::int64_t countOf(const char* at, std::size_t known, std::int64_t more) {
  const auto first = static_cast<std::int64_t>(known);
  if (more < 0 || more > kMaxCount - first) {
    throw ArgumentError("a whole number from 0 to " + std::to_string(kMaxCount - first), at, std::to_string(more));
  }
  return first;
}

}  // namespace

Runtime::Runtime(std::function<void()> notify) : notify_(std::move(notify)), start_(monotonicNs()) {}

std::int64_t Runtime::nowNs() const { return monotonicNs() - start_; }

std::int64_t Runtime::createEvents(std::int64_t count) {
  const std::int64_t first = countOf("createEvents.count", events_.size(), count);
  const std::lock_guard lock(mutex);
  for (std::int64_t i = 0; i < count; i++) events_.emplace_back();
  noteEarly();
  return first;
}

void Runtime::renewEvents(const std::vector<std::int64_t>& indices) {
  const std::lock_guard lock(mutex);
  for (const std::int64_t index : indices) {
    if (!event(index, "renewEvents")->signalled.load(std::memory_order_acquire)) {
      throw ArgumentError("an event that has been signalled", "renewEvents", std::to_string(index));
    }
  }
  // All or none.
  for (const std::int64_t index : indices) {
    Event& renewed = *event(index, "renewEvents");
    renewed.signalled.store(false, std::memory_order_release);
    renewed.generation += 1;
    renewed.claimed = false;
  }
  noteEarly();
}

std::int64_t Runtime::createNormCells(std::int64_t count) {
  const std::int64_t first = countOf("createNormCells.count", cells_.size(), count);
  const std::lock_guard lock(mutex);
  cells_.resize(cells_.size() + static_cast<std::size_t>(count), 0.0);
  noteEarly();
  return first;
}

Event* Runtime::event(std::int64_t index, const char* at) {
  if (index < 0 || index >= static_cast<std::int64_t>(events_.size())) {
    throw ArgumentError("an event of this runtime", at, std::to_string(index));
  }
  return &events_[static_cast<std::size_t>(index)];
}

Event* Runtime::claimSignal(std::int64_t index) {
  Event* const found = event(index, "signal");
  if (found->claimed) throw ArgumentError("an event that nothing else signals", "signal", std::to_string(index));
  found->claimed = true;
  return found;
}

double* Runtime::normCell(std::int64_t index) {
  if (index < 0 || index >= static_cast<std::int64_t>(cells_.size())) {
    throw ArgumentError("a norm cell of this runtime", "cell", std::to_string(index));
  }
  return &cells_[static_cast<std::size_t>(index)];
}

void Runtime::wake(const Event& event) {
  for (Waiter* waiter : waiters_) {
    if (waiter->event == &event) waiter->wake.notify_all();
  }
}

void Runtime::mark(Event& event) {
  event.signalledNs.store(monotonicNs(), std::memory_order_relaxed);
  event.signalled.store(true, std::memory_order_release);
  event.recorded = nullptr;
  wake(event);
}

void Runtime::record(Event& event, void* recorded) {
  const std::lock_guard lock(mutex);
  event.recorded = recorded;
  wake(event);
}

bool Runtime::announce() {
  announcedNs_ = nowNs();
  return !std::exchange(announced_, true);
}

void Runtime::signal(Event& event) {
  const std::lock_guard lock(mutex);
  mark(event);
}

bool Runtime::await(const Event& event, Waiter& waiter) {
  const auto done = [&] { return event.signalled.load(std::memory_order_acquire); };
  if (!done() && !(waiter.spins && spinUntil([&] { return done() || waiter.hasFailed(); }))) {
    std::unique_lock lock(mutex);
    waiter.event = &event;
    const std::int64_t from = waiter.clock == nullptr ? 0 : waiter.clock->fallAsleep();
    waiter.wake.wait(lock, [&] { return done() || waiter.hasFailed() || waiter.stopping; });
    if (waiter.clock != nullptr) waiter.clock->wakeUp(from, event.signalledNs.load(std::memory_order_relaxed));
    waiter.event = nullptr;
  }
  return done() && !waiter.hasFailed();
}

bool Runtime::awaitRecorded(const Event& event, Waiter& waiter, const std::function<void(void*)>& use) {
  const auto done = [&] { return event.signalled.load(std::memory_order_acquire); };
  std::unique_lock lock(mutex);
  waiter.event = &event;
  waiter.wake.wait(lock, [&] { return done() || event.recorded != nullptr || waiter.hasFailed() || waiter.stopping; });
  waiter.event = nullptr;
  if (waiter.hasFailed() || waiter.stopping) return false;
  if (!done()) use(event.recorded);
  return true;
}

void Runtime::stop(Waiter& waiter) {
  const std::lock_guard lock(mutex);
  waiter.stopping = true;
  waiter.wake.notify_all();
}

void Runtime::enlist(Waiter& waiter) {
  const std::lock_guard lock(mutex);
  waiters_.push_back(&waiter);
}

void Runtime::strike(Waiter& waiter) {
  const std::lock_guard lock(mutex);
  std::erase(waiters_, &waiter);
}

void Runtime::finish(Event* signalled, Completion completion, bool wanted) {
  bool first = false;
  {
    const std::lock_guard lock(mutex);
    if (signalled != nullptr) mark(*signalled);
    completions_.push_back(std::move(completion));
    first = (wanted || nowNs() - announcedNs_ >= kReportNs) && announce();
  }
  if (first) notify_();
}

void Runtime::hear(const Told& told) {
  const std::lock_guard lock(mutex);
  if (!note(told)) early_.push_back(told);
}

bool Runtime::note(const Told& told) {
  if (told.event >= static_cast<std::int64_t>(events_.size())) return false;
  Event& event = events_[static_cast<std::size_t>(told.event)];
  if (event.generation < told.generation) return false;
  const auto known = static_cast<std::int64_t>(cells_.size());
  if (std::ranges::any_of(told.cells, [&](const auto& cell) { return cell.first >= known; })) return false;
  for (const auto& [cell, value] : told.cells) cells_[static_cast<std::size_t>(cell)] = value;
  mark(event);
  return true;
}

void Runtime::setDomain(const std::string& device, std::int64_t domain) {
  const std::lock_guard lock(mutex);
  domains_[device] = domain;
}

const std::atomic<bool>& Runtime::failedIn(const std::string& device) {
  const std::lock_guard lock(mutex);
  return failed(device);
}

void Runtime::fail(Failure failure) {
  bool first = false;
  {
    const std::lock_guard lock(mutex);
    std::atomic<bool>& hasFailed = failed(failure.device);
    if (hasFailed.load(std::memory_order_acquire)) return;
    failures_.push_back(std::move(failure));
    hasFailed.store(true, std::memory_order_release);
    for (Waiter* waiter : waiters_) waiter->wake.notify_all();
    first = announce();
  }
  if (first) notify_();
}

Runtime::Batch Runtime::drain() {
  const std::lock_guard lock(mutex);
  announced_ = false;
  return {std::exchange(completions_, {}), std::exchange(failures_, {})};
}

}  // namespace loratwin
