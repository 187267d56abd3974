// Cores that this process's devices are pinned to, so that another process's devices take others.
#pragma once

namespace loratwin {

// Whether the core is this process's, until it ends: false where another process of this machine has it. Processes in
// network namespaces of their own do not see each other.
bool claimCore(int core);

}  // namespace loratwin
