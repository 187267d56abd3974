// Which places of the checked code have been reached; compiled without that check itself.
#pragma once

#include <cstddef>

namespace loratwin::test {

// Places reached since the process began, as far as they can be told apart.
std::size_t placesReached();

}  // namespace loratwin::test
