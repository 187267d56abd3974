# The CUDA backend of an addon, which loratwin_addon() takes as its last sources.
set(LORATWIN_CUDA_DEVICE_SOURCES
  src/runtime/cuda/cuda_device.cc
  src/runtime/cuda/cuda_memory.cc
  src/runtime/cuda/cuda_stream.cc
  src/runtime/cuda/graphs.cc
  src/runtime/cuda/steps.cc
  src/runtime/cuda/steps_attention.cc
  src/runtime/cuda/steps_elementwise.cc
  src/runtime/cuda/steps_lora.cc
  src/runtime/cuda/steps_products.cc
  src/runtime/cuda/tables.cc
  src/cuda/product_choices.cc
  src/transport/nccl_channel.cc
  ${LORATWIN_CUDA_TABLES})

set(LORATWIN_CUDA OFF CACHE BOOL "Whether loratwin.node has the CUDA backend, compiled by nvcc")
set(LORATWIN_CUDA_ARCHITECTURES "80;86;89;90;100" CACHE STRING "Compute capabilities of its kernels; PTX of the last")
find_program(LORATWIN_NVCC nvcc HINTS /usr/local/cuda/bin)
find_path(LORATWIN_CUDART_INCLUDE cuda_runtime_api.h HINTS /usr/local/cuda/include)
find_library(LORATWIN_CUDART cudart_static HINTS /usr/local/cuda/lib64 /usr/local/cuda/lib)

# An addon with the CUDA backend, its kernels for the given compute capabilities.
function(loratwin_cuda_addon addon)
  set(targets)
  foreach(architecture ${ARGN})
    list(APPEND targets -gencode arch=compute_${architecture},code=sm_${architecture})
    set(newest ${architecture})
  endforeach()
  list(APPEND targets -gencode arch=compute_${newest},code=compute_${newest})
  set(folder ${CMAKE_CURRENT_BINARY_DIR}/${addon}_kernels)
  file(MAKE_DIRECTORY ${folder})
  set(kernels)
  set(werror)
  if(LORATWIN_WERROR)
    set(werror -Werror all-warnings)
  endif()
  foreach(source ${LORATWIN_CUDA_KERNELS})
    get_filename_component(name ${source} NAME_WE)
    set(object ${folder}/${name}.o)
    # --expt-relaxed-constexpr: ops/dropout.h is for both sides
    add_custom_command(OUTPUT ${object}
      COMMAND ${LORATWIN_NVCC} -std=c++20 -O3 --expt-relaxed-constexpr ${werror} -Xcompiler=-fPIC,-fvisibility=hidden
              -I${CMAKE_CURRENT_SOURCE_DIR}/src ${targets} -MD -MF ${object}.d -c ${source} -o ${object}
      DEPENDS ${source} DEPFILE ${object}.d
      COMMENT "nvcc ${name}.cu" VERBATIM)
    list(APPEND kernels ${object})
  endforeach()
  set_source_files_properties(${kernels} PROPERTIES EXTERNAL_OBJECT ON GENERATED ON)
  loratwin_addon(${addon} ${LORATWIN_CUDA_DEVICE_SOURCES} src/cuda/blas_cublaslt.cc src/cuda/driver_cudart.cc
    src/cuda/nccl_library.cc ${kernels})
  target_include_directories(${addon} SYSTEM PRIVATE ${LORATWIN_CUDART_INCLUDE})
  target_link_libraries(${addon} PRIVATE ${LORATWIN_CUDART} ${CMAKE_DL_LIBS} rt)
  # Of CUDA's runtime nothing is for others.
  target_link_options(${addon} PRIVATE -Wl,--exclude-libs,ALL)
endfunction()

set(LORATWIN_HAS_NVCC OFF)
if(LORATWIN_NVCC AND LORATWIN_CUDART_INCLUDE AND LORATWIN_CUDART)
  set(LORATWIN_HAS_NVCC ON)
endif()
if(LORATWIN_CUDA AND NOT LORATWIN_HAS_NVCC)
  message(FATAL_ERROR "Expected the CUDA toolkit (nvcc, cuda_runtime_api.h, libcudart_static.a) for LORATWIN_CUDA, got nvcc \"${LORATWIN_NVCC}\", headers \"${LORATWIN_CUDART_INCLUDE}\", library \"${LORATWIN_CUDART}\"")
endif()
if(LORATWIN_CUDA)
  loratwin_cuda_addon(loratwin ${LORATWIN_CUDA_ARCHITECTURES})
else()
  loratwin_addon(loratwin src/runtime/cuda/no_devices.cc)
endif()
# For the test that it loads without a driver; one architecture, so that it is built in time.
if(LORATWIN_HAS_NVCC)
  loratwin_cuda_addon(loratwin_cuda 80)
  set_target_properties(loratwin_cuda PROPERTIES EXCLUDE_FROM_ALL ON)
endif()

# The same backend over the emulation, for tests: node native/build.mjs loratwin_emulated; loratwin_checked with every load
# and store of a kernel checked.
function(loratwin_emulated_addon addon)
  add_library(${addon}_kernels OBJECT ${LORATWIN_CUDA_KERNELS})
  target_include_directories(${addon}_kernels PRIVATE ${CMAKE_CURRENT_SOURCE_DIR} ${CMAKE_CURRENT_SOURCE_DIR}/src)
  target_compile_options(${addon}_kernels PRIVATE ${LORATWIN_KERNEL_FLAGS} -g ${ARGN})
  loratwin_addon(${addon} ${LORATWIN_CUDA_DEVICE_SOURCES} src/cuda/blas_emulated.cc src/cuda/driver_emulated.cc
    src/cuda/nccl_emulated.cc src/bind/emulation.cc ${LORATWIN_EMULATION} $<TARGET_OBJECTS:${addon}_kernels>)
  target_compile_definitions(${addon} PRIVATE LORATWIN_EMULATION)
  target_link_libraries(${addon} PRIVATE ${CMAKE_DL_LIBS})
  set_target_properties(${addon}_kernels ${addon} PROPERTIES EXCLUDE_FROM_ALL ON)
endfunction()
loratwin_emulated_addon(loratwin_emulated -O2)
loratwin_emulated_addon(loratwin_checked ${LORATWIN_CHECK_FLAGS})
