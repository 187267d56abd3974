// Plain C++ in the place of tiles: every processor has it. Linked in the place of tile_permission.cc.
#include "ops/isa.h"

namespace loratwin::ops {

bool usableTiles() { return true; }

}  // namespace loratwin::ops
