// How fast a core is while a run goes on: now and then, between two actions, a product and a copy of fixed size that
// take some ten microseconds a time.
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <vector>

#include "ops/bf16.h"
#include "runtime/device.h"
#include "runtime/stream.h"

namespace loratwin {

// Takes samples on the thread of a compute stream: at once where the next action has to wait anyway, and else less
// often.
class SpeedSamples final : public BetweenTasks {
 public:
  // Of products of `dtype`, every `everyNs`; made on JavaScript's thread. Its memory is counted nowhere, as it is no
  // part of a plan.
  SpeedSamples(const Runtime& runtime, ops::DType dtype, std::int64_t everyNs);
  ~SpeedSamples() override;

  void between(bool waits) override;
  // What the samples have taken so far; for the stream's thread.
  std::int64_t spentNs() const { return spentNs_; }
  // Those since the last call.
  std::vector<SpeedSample> take();

 private:
  struct Work;
  const Runtime& runtime_;
  const std::int64_t everyNs_;
  const std::unique_ptr<Work> work_;
  std::int64_t lastNs_;
  std::int64_t spentNs_ = 0;
  std::mutex mutex_;
  std::vector<SpeedSample> samples_;
};

}  // namespace loratwin
