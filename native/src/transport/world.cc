#include "transport/world.h"

namespace loratwin {

template <class Change>
void World::change(Change&& make) {
  const std::lock_guard lock(mutex_);
  make();
  // With the lock held, so that nobody is woken who has gone.
  if (!std::exchange(announced_, true) && notify_) notify_();
}

void World::received(Received message) {
  change([&] { batch_.received.push_back(std::move(message)); });
}

void World::read(ClockReading reading) {
  change([&] { batch_.readings.push_back(reading); });
}

void World::failed(const std::string& reason) {
  change([&] {
    if (batch_.failure.empty()) batch_.failure = reason;
  });
}

void World::finished() {
  change([&] { batch_.isFinished = true; });
}

void World::attach(std::function<void(const Told&)> listener) {
  const std::lock_guard lock(mutex_);
  listener_ = std::move(listener);
  for (const Told& told : std::exchange(early_, {})) listener_(told);
}

void World::hear(const Told& told) {
  const std::lock_guard lock(mutex_);
  if (listener_)
    listener_(told);
  else
    early_.push_back(told);
}

void World::silence() {
  const std::lock_guard lock(mutex_);
  notify_ = nullptr;
  listener_ = nullptr;
}

World::Batch World::drain() {
  const std::lock_guard lock(mutex_);
  announced_ = false;
  Batch taken = std::exchange(batch_, {});
  batch_.failure = taken.failure;
  return taken;
}

}  // namespace loratwin
