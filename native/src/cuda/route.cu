#include "cuda/block_sum.h"
#include "cuda/route.h"
#include "cuda/rows.h"

namespace loratwin::cuda {

namespace {

constexpr int kThreads = 256;
constexpr int kWarps = kThreads / kWarp;

SIMT_DEVICE bool isNumber(float x) { return x == x; }

// A logit and its expert; none: -1.
struct Candidate {
  float logit;
  std::int32_t expert;
};

// Whether a comes before b: larger, or equal and lower; what is no number comes last.
SIMT_DEVICE bool isBefore(const Candidate& a, const Candidate& b) {
  if (b.expert < 0) return a.expert >= 0;
  if (a.expert < 0) return false;
  if (isNumber(a.logit) != isNumber(b.logit)) return isNumber(a.logit);
  if (isNumber(a.logit) && a.logit != b.logit) return a.logit > b.logit;
  return a.expert < b.expert;
}

// Of a warp's candidates the first, in every lane.
SIMT_DEVICE Candidate firstOfWarp(Candidate mine) {
  SIMT_UNROLL
  for (int distance = kWarp / 2; distance > 0; distance /= 2) {
    const Candidate other{__shfl_xor_sync(kAllLanes, mine.logit, distance),
                          __shfl_xor_sync(kAllLanes, mine.expert, distance)};
    if (isBefore(other, mine)) mine = other;
  }
  return mine;
}

SIMT_DEVICE float sumOfExponentials(const float* logits, std::int32_t experts, float most) {
  float sum = 0.0F;
  for (std::int32_t e = static_cast<std::int32_t>(threadIdx.x) % kWarp; e < experts; e += kWarp) {
    sum += expf(logits[e] - most);
  }
  return warpSum(sum);
}

// A warp a row.
__global__ void __launch_bounds__(kThreads) route_kernel(ops::Route op) {
  const std::int64_t row = globalThread() / kWarp;
  if (row >= op.rows) return;
  const auto lane = static_cast<std::int32_t>(threadIdx.x) % kWarp;
  const float* const logits = op.logits + row * op.experts;
  Candidate last{0.0F, -1};
  float most = 0.0F;
  float sum = 0.0F;
  for (std::int32_t j = 0; j < op.perRow; ++j) {
    Candidate best{0.0F, -1};
    for (std::int32_t e = lane; e < op.experts; e += kWarp) {
      const Candidate candidate{logits[e], e};
      if ((j == 0 || isBefore(last, candidate)) && isBefore(candidate, best)) best = candidate;
    }
    last = firstOfWarp(best);
    if (j == 0) most = last.logit;
    const float term = expf(last.logit - most);
    sum += term;
    if (lane == 0) {
      op.chosen[row * op.perRow + j] = last.expert;
      op.weights[row * op.perRow + j] = term;
    }
  }
  if (!op.normalized) sum = sumOfExponentials(logits, op.experts, most);
  if (lane != 0) return;
  for (std::int32_t j = 0; j < op.perRow; ++j) op.weights[row * op.perRow + j] /= sum;
}

// A block an expert: how many pairs chose one before it, then its own in order.
__global__ void __launch_bounds__(kThreads) route_places_kernel(ops::Route op) {
  SIMT_SHARED(std::int32_t, part, [kWarps]);
  const auto expert = static_cast<std::int32_t>(blockIdx.x);
  const auto thread = static_cast<std::int32_t>(threadIdx.x);
  const std::int32_t pairs = op.rows * op.perRow;
  std::int32_t before = 0;
  for (std::int32_t pair = thread; pair < pairs; pair += kThreads) before += op.chosen[pair] < expert ? 1 : 0;
  std::int32_t place = blockSum<kThreads>(before, part);
  if (thread == 0) {
    op.starts[expert] = place;
    if (expert == op.experts - 1) op.starts[op.experts] = pairs;
  }
  for (std::int32_t first = 0; first < pairs; first += kThreads) {
    const std::int32_t pair = first + thread;
    const bool isOwn = pair < pairs && op.chosen[pair] == expert;
    const unsigned own = __ballot_sync(kAllLanes, isOwn ? 1 : 0);
    __syncthreads();
    if (thread % kWarp == 0) part[thread / kWarp] = __popc(own);
    __syncthreads();
    std::int32_t mine = place;
    for (std::int32_t warp = 0; warp < kWarps; ++warp) {
      if (warp < thread / kWarp) mine += part[warp];
      place += part[warp];
    }
    if (!isOwn) continue;
    mine += __popc(own & ((1U << thread % kWarp) - 1U));
    op.order[mine] = pair;
    op.places[pair] = mine;
  }
}

__global__ void __launch_bounds__(kThreads) route_backward_kernel(ops::RouteBackward op) {
  const std::int64_t row = globalThread() / kWarp;
  if (row >= op.rows) return;
  const auto lane = static_cast<std::int32_t>(threadIdx.x) % kWarp;
  const std::int32_t* const chosen = op.chosen + row * op.perRow;
  const float* const weights = op.weights + row * op.perRow;
  const float* const dweights = op.dweights + row * op.perRow;
  float* const dlogits = op.dlogits + row * op.experts;
  float mean = 0.0F;
  for (std::int32_t j = lane; j < op.perRow; j += kWarp) mean += weights[j] * dweights[j];
  mean = warpSum(mean);
  const float* const logits = op.logits + row * op.experts;
  const float most = op.normalized ? 0.0F : logits[chosen[0]];
  const float factor = op.normalized ? 0.0F : -mean / sumOfExponentials(logits, op.experts, most);
  for (std::int32_t e = lane; e < op.experts; e += kWarp) {
    float gradient = op.normalized ? 0.0F : factor * expf(logits[e] - most);
    for (std::int32_t j = 0; j < op.perRow; ++j) {
      if (chosen[j] == e) gradient = weights[j] * (dweights[j] - mean);
    }
    dlogits[e] = gradient;
  }
}

LaunchShape warpARow(std::int32_t rows, void* stream) {
  return {.blocks = blocksFor(rows, kWarps), .threads = kThreads, .stream = stream};
}

}  // namespace

void route(const ops::Route& op, void* stream) {
  if (op.rows == 0) return;
  launch("route", route_kernel, warpARow(op.rows, stream), op);
  launch("route_places", route_places_kernel,
         {.blocks = static_cast<unsigned>(op.experts), .threads = kThreads, .stream = stream}, op);
}

void route_backward(const ops::RouteBackward& op, void* stream) {
  if (op.rows == 0) return;
  launch("route_backward", route_backward_kernel, warpARow(op.rows, stream), op);
}

}  // namespace loratwin::cuda
