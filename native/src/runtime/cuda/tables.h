// What a run puts together on the host for the GPU: tables that go up in one copy before its launches, room for what
// only the GPU writes, and results that come back in one copy behind them. A slot belongs to one task at a time.
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
  // There was not room enough: the slot has to grow, and what was put together, again.
  struct Full {};

  explicit TableSlot(std::shared_ptr<MemoryPool> pool);
  ~TableSlot();
  TableSlot(const TableSlot&) = delete;
  TableSlot& operator=(const TableSlot&) = delete;

  void clear();
  void grow();
  // The place on the device of a copy of `values`. Throws Full.
  template <class Item>
  const Item* table(const std::vector<Item>& values) {
    const std::size_t bytes = values.size() * sizeof(Item);
    const std::size_t place = take(bytes);
    std::memcpy(host_ + place, values.data(), bytes);
    tablesEnd_ = used_;
    return reinterpret_cast<const Item*>(device_->data() + place);
  }
  // Room on the device, of any content. Throws Full.
  template <class Item>
  Item* room(std::size_t count) {
    return reinterpret_cast<Item*>(device_->data() + take(count * sizeof(Item)));
  }
  // Room for `count` results; they come back in order. Throws Full.
  double* results(std::size_t count);
  // Before the launches and behind them, on their stream.
  void upload(void* stream) const;
  void download(void* stream) const;
  const double* downloaded() const { return hostResults_; }

  static constexpr std::size_t kBytes = std::size_t{4} << 20;
  static constexpr std::size_t kResults = 4096;

 private:
  std::size_t take(std::size_t bytes);

  std::shared_ptr<MemoryPool> pool_;
  std::unique_ptr<Buffer> device_;  // results, then tables and room
  std::byte* host_ = nullptr;       // of the tables, placed as on the device
  double* hostResults_ = nullptr;
  std::size_t used_ = 0;
  std::size_t tablesEnd_ = 0;
  std::size_t resultCount_ = 0;
};

// The slots of a device: as many tasks as the host may be ahead of the GPU.
class TableSlots {
 public:
  TableSlots(const std::shared_ptr<MemoryPool>& pool, int count);
  // Waits for one. It is given back when the last that holds it lets go.
  std::shared_ptr<TableSlot> take();

 private:
  std::mutex mutex_;
  std::condition_variable freed_;
  std::vector<std::unique_ptr<TableSlot>> free_;
};

}  // namespace loratwin
