#include "bind/products.h"

#include <charconv>

#include "bind/records.h"
#include "bind/values.h"
#include "runtime/errors.h"

namespace loratwin::bind {

namespace {

using record::ProductChoice;

// Of a word of an algorithm.
constexpr std::size_t kDigits = 16;

ops::DType typeOf(double narrow) { return narrow != 0 ? ops::DType::bfloat16 : ops::DType::float32; }
double isNarrow(ops::DType type) { return type == ops::DType::bfloat16 ? 1 : 0; }

cuda::ProductAlgorithm algorithm(const std::string& digits) {
  cuda::ProductAlgorithm words{};
  const char* next = digits.data();
  for (std::uint64_t& word : words) {
    if (digits.size() != words.size() * kDigits ||
        std::from_chars(next, next + kDigits, word, 16).ptr != next + kDigits) {
      throw ArgumentError("128 hexadecimal digits", "createDevice.products.algorithms", digits);
    }
    next += kDigits;
  }
  return words;
}

std::string digitsOf(const cuda::ProductAlgorithm& words) {
  std::string result;
  for (const std::uint64_t word : words) {
    char digits[kDigits];
    const auto count = static_cast<std::size_t>(std::to_chars(digits, digits + kDigits, word, 16).ptr - digits);
    result.append(kDigits - count, '0').append(digits, count);
  }
  return result;
}

}  // namespace

ProductLibrary productLibrary(const Napi::Value& value) {
  constexpr const char* at = "createDevice.products";
  const Napi::Object given = object(value, at);
  const Napi::Array algorithms = list(given.Get("algorithms"), "createDevice.products.algorithms", kMaxItems);
  ProductLibrary result{text(given.Get("name"), "createDevice.products.name"), {}};
  for (const Row<ProductChoice>& row : rows<ProductChoice>(given.Get("rows"), "createDevice.products.rows")) {
    const auto size = [&](ProductChoice::Field field) { return row.whole32(field, at); };
    const auto index = static_cast<std::uint32_t>(result.choices.size());
    result.choices.push_back(
        {{row[ProductChoice::backward] != 0, typeOf(row[ProductChoice::narrow]), typeOf(row[ProductChoice::narrowOut]),
          row[ProductChoice::adds] != 0, size(ProductChoice::out), size(ProductChoice::in)},
         size(ProductChoice::rows),
         algorithm(text(algorithms.Get(index), "createDevice.products.algorithms"))});
  }
  return result;
}

Napi::Object toJavaScript(Napi::Env env, const ProductLibrary& library) {
  std::vector<Row<ProductChoice>> rows;
  Napi::Array algorithms = Napi::Array::New(env);
  for (const cuda::ProductChoice& choice : library.choices) {
    const cuda::ProductForm& form = choice.form;
    rows.push_back(Row<ProductChoice>({{ProductChoice::backward, form.backward ? 1 : 0},
                                       {ProductChoice::narrow, isNarrow(form.type)},
                                       {ProductChoice::narrowOut, isNarrow(form.yType)},
                                       {ProductChoice::adds, form.adds ? 1 : 0},
                                       {ProductChoice::out, form.out},
                                       {ProductChoice::in, form.in},
                                       {ProductChoice::rows, choice.rows}}));
    algorithms.Set(algorithms.Length(), digitsOf(choice.algorithm));
  }
  Napi::Object result = Napi::Object::New(env);
  result.Set("name", library.name);
  result.Set("rows", packed(env, rows));
  result.Set("algorithms", algorithms);
  return result;
}

}  // namespace loratwin::bind
