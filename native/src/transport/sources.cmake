# loratwin_mpi.so, which the addon loads when a rank joins: where MPI is installed.
set(LORATWIN_MPI ON CACHE BOOL "Whether ranks over MPI are built, where it is there")
if(LORATWIN_MPI)
  # FindMPI ends a build in error where MPI's compiler is there without its headers.
  find_program(MPI_CXX_COMPILER NAMES mpicxx mpic++ mpiCC HINTS ${MPI_HOME} ENV MPI_HOME PATH_SUFFIXES bin)
  if(MPI_CXX_COMPILER)
    file(WRITE ${CMAKE_CURRENT_BINARY_DIR}/mpi_probe.cc "#include <mpi.h>\n")
    execute_process(
      COMMAND ${MPI_CXX_COMPILER} -E ${CMAKE_CURRENT_BINARY_DIR}/mpi_probe.cc
      RESULT_VARIABLE LORATWIN_MPI_PROBE OUTPUT_QUIET ERROR_QUIET)
    if(LORATWIN_MPI_PROBE EQUAL 0)
      find_package(MPI COMPONENTS CXX QUIET)
    else()
      message(STATUS "loratwin: built without MPI (its compiler ${MPI_CXX_COMPILER} finds no mpi.h)")
    endif()
  endif()
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
