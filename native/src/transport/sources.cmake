# loratwin_mpi.so, which the addon loads when a rank joins: where MPI is installed.
set(LORATWIN_MPI ON CACHE BOOL "Whether ranks over MPI are built, where it is there")
if(LORATWIN_MPI)
  find_package(MPI COMPONENTS CXX QUIET)
endif()
if(MPI_CXX_FOUND)
  add_library(loratwin_mpi MODULE src/transport/mpi_world.cc src/transport/world.cc)
  target_include_directories(loratwin_mpi PRIVATE ${CMAKE_CURRENT_SOURCE_DIR}/src)
  target_link_libraries(loratwin_mpi PRIVATE MPI::MPI_CXX Threads::Threads)
  set_target_properties(loratwin_mpi PROPERTIES PREFIX "" SUFFIX ".so" LIBRARY_OUTPUT_DIRECTORY ${CMAKE_CURRENT_BINARY_DIR})
else()
  # The same name, so that who builds need not know.
  add_custom_target(loratwin_mpi)
endif()
