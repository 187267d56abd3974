#include "runtime/cuda/tables.h"

#include "cuda/driver.h"
#include "runtime/errors.h"

namespace loratwin {

namespace {

constexpr std::size_t kAlignment = 16;
constexpr std::size_t kResultBytes = TableSlot::kResults * sizeof(double);

}  // namespace

TableSlot::TableSlot(std::shared_ptr<MemoryPool> pool)
    : pool_(std::move(pool)), device_(std::make_unique<Buffer>(pool_, MemoryKind::other, kBytes)) {
  host_ = static_cast<std::byte*>(cuda::allocatePinned(kBytes));
  hostResults_ = static_cast<double*>(cuda::allocatePinned(kResultBytes));
  clear();
}

TableSlot::~TableSlot() {
  cuda::releasePinned(host_);
  cuda::releasePinned(hostResults_);
}

void TableSlot::clear() {
  used_ = kResultBytes;
  tablesEnd_ = used_;
  resultCount_ = 0;
}

void TableSlot::grow() {
  const std::size_t bytes = 2 * device_->bytes();
  device_.reset();
  device_ = std::make_unique<Buffer>(pool_, MemoryKind::other, bytes);
  cuda::releasePinned(host_);
  host_ = static_cast<std::byte*>(cuda::allocatePinned(bytes));
  clear();
}

std::size_t TableSlot::take(std::size_t bytes) {
  const std::size_t place = (used_ + kAlignment - 1) / kAlignment * kAlignment;
  if (place + bytes > device_->bytes()) throw Full{};
  used_ = place + bytes;
  return place;
}

double* TableSlot::results(std::size_t count) {
  if (resultCount_ + count > kResults) {
    throw ArgumentError("at most " + std::to_string(kResults) + " losses and norms a task", "bindings.segments",
                        std::to_string(resultCount_ + count));
  }
  double* const place = reinterpret_cast<double*>(device_->data()) + resultCount_;
  resultCount_ += count;
  return place;
}

void TableSlot::upload(void* stream) const {
  if (tablesEnd_ == kResultBytes) return;
  cuda::copyAsync(device_->data() + kResultBytes, host_ + kResultBytes, tablesEnd_ - kResultBytes, stream);
}

void TableSlot::download(void* stream) const {
  if (resultCount_ > 0) cuda::copyAsync(hostResults_, device_->data(), resultCount_ * sizeof(double), stream);
}

TableSlots::TableSlots(const std::shared_ptr<MemoryPool>& pool, int count) {
  for (int i = 0; i < count; i++) free_.push_back(std::make_unique<TableSlot>(pool));
}

std::shared_ptr<TableSlot> TableSlots::take() {
  std::unique_lock lock(mutex_);
  freed_.wait(lock, [this] { return !free_.empty(); });
  TableSlot* const slot = free_.back().release();
  free_.pop_back();
  slot->clear();
  return {slot, [this](TableSlot* used) {
            {
              const std::lock_guard giving(mutex_);
              free_.emplace_back(used);
            }
            freed_.notify_one();
          }};
}

}  // namespace loratwin
