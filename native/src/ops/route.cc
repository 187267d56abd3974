#include "route.h"

#include <algorithm>
#include <cmath>
#include <stdexcept>
#include <string>

namespace loratwin::ops {

namespace {

// The k largest of `logits`, largest first. A NaN is taken when nothing else is left.
void choose(const float* logits, std::int32_t experts, std::int32_t k, std::int32_t* chosen) {
  for (std::int32_t j = 0; j < k; ++j) {
    std::int32_t best = -1;
    for (std::int32_t e = 0; e < experts; ++e) {
      const bool isLarger =
          best < 0 || logits[e] > logits[best] || (std::isnan(logits[best]) && !std::isnan(logits[e]));
      if (isLarger && std::find(chosen, chosen + j, e) == chosen + j) best = e;
    }
    chosen[j] = best;
  }
}

// Sum of exp(logits - most) over all experts.
double sumOfExponentials(const float* logits, std::int32_t experts, float most) {
  double sum = 0;
  for (std::int32_t e = 0; e < experts; ++e) sum += std::exp(logits[e] - most);
  return sum;
}

void weigh(const Route& op, const float* logits, const std::int32_t* chosen, float* weights) {
  const float most = logits[chosen[0]];
  double sum = 0;
  for (std::int32_t j = 0; j < op.perRow; ++j) {
    weights[j] = std::exp(logits[chosen[j]] - most);
    sum += weights[j];
  }
  if (!op.normalized) sum = sumOfExponentials(logits, op.experts, most);
  for (std::int32_t j = 0; j < op.perRow; ++j) weights[j] = static_cast<float>(weights[j] / sum);
}

// A counting sort: pairs come in order of their rows, and stay so within an expert.
void placePairs(const Route& op) {
  const std::int32_t pairs = op.rows * op.perRow;
  std::fill_n(op.starts, op.experts + 1, 0);
  for (std::int32_t i = 0; i < pairs; ++i) ++op.starts[op.chosen[i] + 1];
  for (std::int32_t e = 0; e < op.experts; ++e) op.starts[e + 1] += op.starts[e];
  // starts[e] counts up to where e + 1 starts, and is moved back.
  for (std::int32_t i = 0; i < pairs; ++i) {
    const std::int32_t place = op.starts[op.chosen[i]]++;
    op.order[place] = i;
    op.places[i] = place;
  }
  for (std::int32_t e = op.experts; e > 0; --e) op.starts[e] = op.starts[e - 1];
  op.starts[0] = 0;
}

}  // namespace

PlaceRange placesOf(const std::int32_t* order, const std::int32_t* starts, std::int32_t perRow, std::int32_t expert,
                    std::int32_t rowStart, std::int32_t rowEnd) {
  const std::int32_t* const end = order + starts[expert + 1];
  const auto from = [&](const std::int32_t* first, std::int32_t row) {
    return std::partition_point(first, end, [&](std::int32_t pair) { return pair / perRow < row; });
  };
  const std::int32_t* const first = from(order + starts[expert], rowStart);
  return {static_cast<std::int32_t>(first - order), static_cast<std::int32_t>(from(first, rowEnd) - order)};
}

void checkStarts(const char* op, const std::int32_t* starts, std::size_t experts, std::int32_t places) {
  bool rise = starts[0] == 0 && starts[experts] == places;
  for (std::size_t e = 0; e < experts; ++e) rise = rise && starts[e] <= starts[e + 1];
  if (rise) return;
  throw std::invalid_argument(std::string(op) + ": Expected starts of " + std::to_string(experts) +
                              " experts that rise from 0 to " + std::to_string(places) + ", got others");
}

void route(ExecContext& context, const Route& op) {
  context.parallelFor(static_cast<std::size_t>(op.rows), [&](std::size_t begin, std::size_t end, int) {
    for (std::size_t t = begin; t < end; ++t) {
      const float* const logits = op.logits + t * static_cast<std::size_t>(op.experts);
      const std::size_t pair = t * static_cast<std::size_t>(op.perRow);
      choose(logits, op.experts, op.perRow, op.chosen + pair);
      weigh(op, logits, op.chosen + pair, op.weights + pair);
    }
  });
  placePairs(op);
}

void route_backward(ExecContext& context, const RouteBackward& op) {
  for (std::int64_t i = 0; i < std::int64_t{op.rows} * op.perRow; ++i) {
    if (op.chosen[i] >= 0 && op.chosen[i] < op.experts) continue;
    throw std::invalid_argument("route_backward: Expected experts of 0 .. " + std::to_string(op.experts - 1) +
                                ", got " + std::to_string(op.chosen[i]) + " at pair " + std::to_string(i));
  }
  context.parallelFor(static_cast<std::size_t>(op.rows), [&](std::size_t begin, std::size_t end, int) {
    for (std::size_t t = begin; t < end; ++t) {
      const std::size_t pair = t * static_cast<std::size_t>(op.perRow);
      const std::int32_t* const chosen = op.chosen + pair;
      const float* const weights = op.weights + pair;
      const float* const dweights = op.dweights + pair;
      float* const dlogits = op.dlogits + t * static_cast<std::size_t>(op.experts);
      double mean = 0;
      for (std::int32_t j = 0; j < op.perRow; ++j) mean += static_cast<double>(weights[j]) * dweights[j];
      if (op.normalized) {
        std::fill_n(dlogits, op.experts, 0.0F);
      } else {
        const float* const logits = op.logits + t * static_cast<std::size_t>(op.experts);
        const float most = logits[chosen[0]];
        const double factor = -mean / sumOfExponentials(logits, op.experts, most);
        for (std::int32_t e = 0; e < op.experts; ++e) {
          dlogits[e] = static_cast<float>(factor * std::exp(logits[e] - most));
        }
      }
      for (std::int32_t j = 0; j < op.perRow; ++j) {
        dlogits[chosen[j]] = static_cast<float>(weights[j] * (dweights[j] - mean));
      }
    }
  });
}

}  // namespace loratwin::ops
