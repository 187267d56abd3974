// preference: the rows of losses that are compared, and all others as they were.
#include "cuda/preference.h"

#include "../preference_cases.h"
#include "table.h"

namespace loratwin::test {

namespace {

void comparedCase(const PreferenceCase& c, std::int32_t hidden) {
  judge(c.name + ", " + std::to_string(hidden) + " columns", [=] {
    const std::vector<ops::LossSegment> segments = preferenceRows(c.losses.size());
    const auto rows = static_cast<std::size_t>(segments.back().rowEnd + 2);
    const std::vector<float> before = randomFloats(rows * static_cast<std::size_t>(hidden), 41);
    const DeviceBuffer<ops::PreferenceTerm> terms(c.terms, "terms");
    const DeviceBuffer<ops::LossSegment> parts(segments, "segments");
    const DeviceBuffer<double> losses(c.losses, "losses");
    const DeviceBuffer<float> dx(before, "dx");
    cuda::preference(
        {terms.data(), static_cast<std::int32_t>(c.terms.size()), parts.data(), losses.data(), dx.data(), hidden},
        nullptr);
    std::vector<double> expected = widened(before);
    const std::vector<double> coefficients = c.coefficients();
    for (std::size_t l = 0; l < segments.size(); ++l) {
      for (std::int64_t at = std::int64_t{segments[l].rowStart} * hidden;
           at < std::int64_t{segments[l].rowEnd} * hidden; ++at) {
        expected[static_cast<std::size_t>(at)] *= coefficients[l];
      }
    }
    return std::vector<Output>{{"preference", widened(dx.download()), expected, 1e-12}};
  });
}

}  // namespace

void comparedCases() {
  for (const PreferenceCase& c : preferenceCases()) {
    if (c.terms.empty()) continue;
    comparedCase(c, 3);
    comparedCase(c, 300);
  }
}

}  // namespace loratwin::test
