#include "embed.h"

namespace loratwin::ops::ref {

template <class Real>
void embed(const EmbedT<Real>& op) {
  for (std::int64_t t = 0; t < op.rows; ++t) {
    for (std::int64_t h = 0; h < op.hidden; ++h) {
      op.out[t * op.hidden + h] = op.scale * op.table[static_cast<std::int64_t>(op.ids[t]) * op.hidden + h];
    }
  }
}

template void embed<double>(const EmbedT<double>&);

}  // namespace loratwin::ops::ref
