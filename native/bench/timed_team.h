// The same work on several pinned threads at once.
#pragma once

#include <functional>
#include <vector>

namespace loratwin::bench {

// Ids of the CPUs that this process may use.
std::vector<int> allowedCores();

// Runs body(thread) once on each of the cores, all starting together; seconds from the start to the last end.
double timedTogether(const std::vector<int>& cores, const std::function<void(int thread)>& body);

}  // namespace loratwin::bench
