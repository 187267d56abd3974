// What a run puts together on the host for the GPU: tables that go up in one copy before its launches, room for what
// only the GPU writes, and results that come back in one copy behind them. On the device all tasks use one region,
// since they run in order on one stream; on the host each has a slot until it is reported.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <cstring>
#include <memory>
#include <mutex>
#include <vector>

#include "runtime/memory.h"

namespace loratwin {

class TableSlot {
 public:
  // There was not room enough: the region has to grow, and what was put together, again.
  struct Full {};

  TableSlot() = default;
  ~TableSlot();
  TableSlot(const TableSlot&) = delete;
  TableSlot& operator=(const TableSlot&) = delete;

  // For a task's tables, which go to `region`.
  void open(std::shared_ptr<const Buffer> region);
  // Lets go of the region.
  void close() { region_.reset(); }
  // The place on the device of a copy of `values`. Throws Full.
  template <class Item>
  const Item* table(const std::vector<Item>& values) {
    const std::size_t bytes = values.size() * sizeof(Item);
    const std::size_t place = take(bytes);
    std::memcpy(host_ + place, values.data(), bytes);
    tablesEnd_ = used_;
    return reinterpret_cast<const Item*>(region_->data() + place);
  }
  // Room on the device, of any content. Throws Full.
  template <class Item>
  Item* room(std::size_t count) {
    return reinterpret_cast<Item*>(region_->data() + take(count * sizeof(Item)));
  }
  // Room for `count` results; they come back in order.
  double* results(std::size_t count);
  // Before the launches and behind them, on their stream.
  void upload(void* stream) const;
  void download(void* stream) const;
  const double* downloaded() const { return hostResults_; }

  const std::byte* region() const { return region_->data(); }
  // Bytes of each table and room, in the order in which they were taken; their places follow from them.
  const std::vector<std::size_t>& sizes() const { return sizes_; }

  static constexpr std::size_t kBytes = std::size_t{4} << 20;
  static constexpr std::size_t kResults = 4096;

 private:
  std::size_t take(std::size_t bytes);
  void release();

  std::shared_ptr<const Buffer> region_;  // results, then tables and room
  std::byte* host_ = nullptr;             // of the tables, placed as on the device
  double* hostResults_ = nullptr;
  std::size_t hostBytes_ = 0;
  std::size_t used_ = 0;
  std::size_t tablesEnd_ = 0;
  std::size_t resultCount_ = 0;
  std::vector<std::size_t> sizes_;
};

// The region of a device, and its slots: as many tasks as the host may be ahead of the GPU.
class TableSlots {
 public:
  TableSlots(std::shared_ptr<MemoryPool> pool, int count);
  // Opened. Waits for one; it is given back when the last that holds it lets go.
  std::shared_ptr<TableSlot> take();
  // Makes a region twice as large and opens the slot for it; the old one is there until the tasks that use it are
  // reported.
  void grow(TableSlot& slot);

 private:
  std::shared_ptr<MemoryPool> pool_;
  std::shared_ptr<Buffer> region_;
  std::mutex mutex_;
  std::condition_variable freed_;
  std::vector<std::unique_ptr<TableSlot>> free_;
};

}  // namespace loratwin
