# kernel_bench: what this machine's cores and memory can do at most, as JSON lines. Needs no operator and no library.
add_executable(kernel_bench EXCLUDE_FROM_ALL
  ${CMAKE_CURRENT_LIST_DIR}/kernel_bench.cc
  ${CMAKE_CURRENT_LIST_DIR}/read_rate.cc
  ${CMAKE_CURRENT_LIST_DIR}/register_peak.cc
  ${CMAKE_CURRENT_LIST_DIR}/timed_team.cc)
target_link_libraries(kernel_bench PRIVATE Threads::Threads)
