// Which way of doing a product is taken, where a library offers several: the fastest that was measured at as many rows,
// or near to them. All that decides is in the table, so that the same table gives the same bytes.
#pragma once

#include <map>
#include <mutex>
#include <vector>

#include "cuda/blas.h"

namespace loratwin::cuda {

class ProductChoices {
 public:
  ProductChoices(const std::vector<ProductChoice>& known, Stopwatch stopwatch);

  // Measured at so many rows, else at the next more, else at the most that there are. Null: nothing of this form.
  const ProductAlgorithm* find(const ProductForm& form, std::int32_t rows) const;
  // Whether ways are to be measured at just these rows.
  bool wanted(const ProductForm& form, std::int32_t rows) const;
  // Keeps the way whose median of several runs is the least, the first of equal ones. run(i) gives a product in ways[i]
  // to the stream; `ways` is not empty.
  const ProductAlgorithm& measure(const ProductForm& form, std::int32_t rows, const std::vector<ProductAlgorithm>& ways,
                                  const std::function<void(std::size_t)>& run, void* stream);
  // From any thread.
  std::vector<ProductChoice> all() const;

 private:
  using ByRows = std::map<std::int32_t, ProductAlgorithm>;

  mutable std::mutex mutex_;
  std::map<ProductForm, ByRows> chosen_;
  const Stopwatch stopwatch_;
};

}  // namespace loratwin::cuda
