#include "runtime/cuda/tables.h"

#include <utility>

#include "cuda/driver.h"
#include "runtime/errors.h"

namespace loratwin {

namespace {

constexpr std::size_t kAlignment = 16;
constexpr std::size_t kResultBytes = TableSlot::kResults * sizeof(double);

}  // namespace

TableSlot::~TableSlot() { release(); }

void TableSlot::release() {
  cuda::releasePinned(std::exchange(host_, nullptr));
  cuda::releasePinned(std::exchange(hostResults_, nullptr));
}

void TableSlot::open(std::shared_ptr<const Buffer> region) {
  region_ = std::move(region);
  if (hostBytes_ != region_->bytes()) {
    release();
    hostBytes_ = region_->bytes();
    host_ = static_cast<std::byte*>(cuda::allocatePinned(hostBytes_));
    hostResults_ = static_cast<double*>(cuda::allocatePinned(kResultBytes));
  }
  used_ = kResultBytes;
  tablesEnd_ = used_;
  resultCount_ = 0;
  sizes_.clear();
}

std::size_t TableSlot::take(std::size_t bytes) {
  const std::size_t place = (used_ + kAlignment - 1) / kAlignment * kAlignment;
  if (place + bytes > region_->bytes()) throw Full{};
  used_ = place + bytes;
  sizes_.push_back(bytes);
  return place;
}

double* TableSlot::results(std::size_t count) {
  if (resultCount_ + count > kResults) {
    throw ArgumentError("at most " + std::to_string(kResults) + " losses and norms a task", "bindings.losses",
                        std::to_string(resultCount_ + count));
  }
  double* const place = reinterpret_cast<double*>(region_->data()) + resultCount_;
  resultCount_ += count;
  return place;
}

void TableSlot::upload(void* stream) const {
  if (tablesEnd_ == kResultBytes) return;
  cuda::copyAsync(region_->data() + kResultBytes, host_ + kResultBytes, tablesEnd_ - kResultBytes, stream);
}

void TableSlot::download(void* stream) const {
  if (resultCount_ > 0) cuda::copyAsync(hostResults_, region_->data(), resultCount_ * sizeof(double), stream);
}

TableSlots::TableSlots(std::shared_ptr<MemoryPool> pool, int count)
    : pool_(std::move(pool)), region_(std::make_shared<Buffer>(pool_, MemoryKind::other, TableSlot::kBytes)) {
  for (int i = 0; i < count; i++) {
    free_.push_back(std::make_unique<TableSlot>());
    free_.back()->open(region_);
  }
}

std::shared_ptr<TableSlot> TableSlots::take() {
  std::unique_lock lock(mutex_);
  freed_.wait(lock, [this] { return !free_.empty(); });
  TableSlot* const slot = free_.back().release();
  free_.pop_back();
  slot->open(region_);
  return {slot, [this](TableSlot* used) {
            {
              const std::lock_guard giving(mutex_);
              free_.emplace_back(used);
            }
            freed_.notify_one();
          }};
}

void TableSlots::grow(TableSlot& slot) {
  const std::size_t bytes = 2 * region_->bytes();
  const std::lock_guard lock(mutex_);
  // Before the new one, so that the peak does not hold both.
  for (const std::unique_ptr<TableSlot>& other : free_) other->close();
  slot.close();
  region_.reset();
  region_ = std::make_shared<Buffer>(pool_, MemoryKind::other, bytes);
  slot.open(region_);
}

}  // namespace loratwin
