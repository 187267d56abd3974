#include "runtime/cpu/speed_samples.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "ops/aligned_memory.h"
#include "ops/copy.h"
#include "ops/matmul.h"
#include "runtime/clock.h"

namespace loratwin {

namespace {

// Where the next action has to wait anyway, samples come so much sooner.
constexpr std::int64_t kSooner = 4;

constexpr int kTimes = 4;
constexpr std::int32_t kRows = 48;
constexpr std::int64_t kCopied = 1 << 16;

// As wide as takes some ten microseconds, and small enough for a core's own cache.
constexpr std::int32_t widthOf(ops::DType dtype) { return dtype == ops::DType::float32 ? 192 : 384; }

// The stream's own thread alone.
class OneThread final : public ops::ExecContext {
 public:
  int threads() const override { return 1; }
  void run(std::size_t count, Invoke invoke, void* state) override {
    if (count > 0) invoke(state, 0, count, 0);
  }
};

template <class Store>
ops::PackedMatrix packed(ops::MatmulEngine& engine, std::int32_t width) {
  const std::vector<Store> weights(static_cast<std::size_t>(width) * static_cast<std::size_t>(width));
  return ops::PackedMatrix(engine, weights.data(), width, width, false);
}

}  // namespace

struct SpeedSamples::Work {
  explicit Work(ops::DType dtype)
      : width(widthOf(dtype)),
        weight(dtype == ops::DType::float32 ? packed<float>(engine, width) : packed<ops::Bf16>(engine, width)),
        memory((2 * static_cast<std::size_t>(kCopied) + 2 * static_cast<std::size_t>(kRows * width)) * sizeof(float)) {
    float* const from = reinterpret_cast<float*>(memory.data());
    copy = {from, ops::DType::float32, from + kCopied, ops::DType::float32, kCopied};
    float* const x = from + 2 * kCopied;
    product = {x, width, &weight, x + kRows * width, ops::DType::float32, width, nullptr, nullptr, 0, kRows};
    ops::prepare_matmul(engine, product);
  }

  // Nanoseconds of the thread's own for the fastest time but the first, which brings everything into the cache: some
  // ten microseconds for an interrupt would look like a core that is slow.
  template <class Run>
  static double fastest(Run&& run) {
    run();
    std::int64_t least = std::numeric_limits<std::int64_t>::max();
    for (int i = 0; i < kTimes; i++) {
      const std::int64_t from = threadNs();
      run();
      least = std::min(least, threadNs() - from);
    }
    return static_cast<double>(std::max(least, std::int64_t{1}));
  }

  SpeedSample sample() {
    const double productNs = fastest([&] { ops::matmul(thread, engine, product); });
    const double copyNs = fastest([&] { ops::copy(thread, copy); });
    return {0, 2e9 * kRows * width * width / productNs, 2e9 * sizeof(float) * kCopied / copyNs};
  }

  OneThread thread;
  const std::int32_t width;
  ops::MatmulEngine engine{1};
  const ops::PackedMatrix weight;
  const ops::AlignedMemory memory;
  ops::Matmul product{};
  ops::Copy copy{};
};

SpeedSamples::SpeedSamples(const Runtime& runtime, ops::DType dtype, std::int64_t everyNs)
    : runtime_(runtime), everyNs_(everyNs), work_(std::make_unique<Work>(dtype)), lastNs_(-everyNs) {}

SpeedSamples::~SpeedSamples() = default;

void SpeedSamples::between(bool waits) {
  const std::int64_t now = runtime_.nowNs();
  if (now - lastNs_ < (waits ? everyNs_ / kSooner : everyNs_)) return;
  lastNs_ = now;
  const std::int64_t from = threadNs();
  SpeedSample sample = work_->sample();
  spentNs_ += threadNs() - from;
  sample.atNs = now;
  const std::lock_guard lock(mutex_);
  samples_.push_back(sample);
}

std::vector<SpeedSample> SpeedSamples::take() {
  const std::lock_guard lock(mutex_);
  return std::exchange(samples_, {});
}

}  // namespace loratwin
