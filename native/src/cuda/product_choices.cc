#include "cuda/product_choices.h"

#include <algorithm>
#include <utility>

namespace loratwin::cuda {

namespace {

// Of each way, after one that loads its code.
constexpr int kRepetitions = 5;

}  // namespace

ProductChoices::ProductChoices(const std::vector<ProductChoice>& known, Stopwatch stopwatch)
    : stopwatch_(std::move(stopwatch)) {
  for (const ProductChoice& choice : known) chosen_[choice.form][choice.rows] = choice.algorithm;
}

const ProductAlgorithm* ProductChoices::find(const ProductForm& form, std::int32_t rows) const {
  const auto found = chosen_.find(form);
  if (found == chosen_.end()) return nullptr;
  const ByRows& byRows = found->second;
  const auto next = byRows.lower_bound(rows);
  return next != byRows.end() ? &next->second : &byRows.rbegin()->second;
}

bool ProductChoices::wanted(const ProductForm& form, std::int32_t rows) const {
  if (!stopwatch_) return false;
  const auto found = chosen_.find(form);
  return found == chosen_.end() || !found->second.contains(rows);
}

const ProductAlgorithm& ProductChoices::measure(const ProductForm& form, std::int32_t rows,
                                                const std::vector<ProductAlgorithm>& ways,
                                                const std::function<void(std::size_t)>& run, void* stream) {
  std::size_t best = 0;
  std::int64_t bestNs = 0;
  // One way alone needs no time.
  for (std::size_t i = 0; ways.size() > 1 && i < ways.size(); i++) {
    run(i);
    std::vector<std::int64_t> ns;
    for (int k = 0; k < kRepetitions; k++) ns.push_back(stopwatch_(stream, [&] { run(i); }));
    std::nth_element(ns.begin(), ns.begin() + kRepetitions / 2, ns.end());
    const std::int64_t median = ns[kRepetitions / 2];
    if (i == 0 || median < bestNs) {
      best = i;
      bestNs = median;
    }
  }
  const std::lock_guard lock(mutex_);
  return chosen_[form][rows] = ways[best];
}

std::vector<ProductChoice> ProductChoices::all() const {
  const std::lock_guard lock(mutex_);
  std::vector<ProductChoice> result;
  for (const auto& [form, byRows] : chosen_) {
    for (const auto& [rows, algorithm] : byRows) result.push_back({form, rows, algorithm});
  }
  return result;
}

}  // namespace loratwin::cuda
