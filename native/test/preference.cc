// The coefficients of losses that are compared, by central differences of the reference.
#include <cmath>
#include <cstring>

#include "operators.h"
#include "ops/preference.h"
#include "preference_cases.h"

namespace loratwin::test {

void checkPreference(ops::ExecContext& one, ops::ExecContext& two, const Report& report) {
  constexpr std::int32_t kHidden = 5;
  for (const PreferenceCase& c : preferenceCases()) {
    const std::vector<ops::LossSegment> segments = preferenceRows(c.losses.size());
    const auto rows = static_cast<std::size_t>(segments.back().rowEnd + 2);
    std::vector<float> before(rows * kHidden);
    for (std::size_t i = 0; i < before.size(); ++i) before[i] = 1.0F + 0.25F * static_cast<float>(i % 7);
    const auto run = [&](ops::ExecContext& context) {
      std::vector<float> dx = before;
      ops::preference(context, {c.terms.data(), static_cast<std::int32_t>(c.terms.size()), segments.data(),
                                c.losses.data(), dx.data(), kHidden});
      return dx;
    };
    std::vector<double> expected(before.begin(), before.end());
    const std::vector<double> coefficients = c.coefficients();
    for (std::size_t l = 0; l < segments.size(); ++l) {
      for (std::int32_t row = segments[l].rowStart; row < segments[l].rowEnd; ++row) {
        for (std::int32_t h = 0; h < kHidden; ++h) {
          expected[static_cast<std::size_t>(row * kHidden + h)] *= coefficients[l];
        }
      }
    }
    const std::vector<float> dx = run(one);
    double error = 0;
    double size = 0;
    for (std::size_t i = 0; i < dx.size(); ++i) {
      error += std::pow(static_cast<double>(dx[i]) - expected[i], 2);
      size += expected[i] * expected[i];
    }
    report("preference", "gradient", c.name, error / size, 1e-12);
    const std::vector<float> again = run(two);
    report("preference", "threads", c.name,
           std::memcmp(dx.data(), again.data(), dx.size() * sizeof(float)) == 0 ? 0 : 1, 0);
  }
}

}  // namespace loratwin::test
