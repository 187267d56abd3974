# The CUDA backend of an addon, which loratwin_addon() takes as its last sources.
set(LORATWIN_CUDA_DEVICE_SOURCES
  src/runtime/cuda/cuda_device.cc
  src/runtime/cuda/cuda_memory.cc
  src/runtime/cuda/cuda_stream.cc
  src/runtime/cuda/graphs.cc
  src/runtime/cuda/steps.cc
  src/runtime/cuda/steps_attention.cc
  src/runtime/cuda/steps_elementwise.cc
  src/runtime/cuda/steps_experts.cc
  src/runtime/cuda/steps_lora.cc
  src/runtime/cuda/steps_products.cc
  src/runtime/cuda/tables.cc
  src/cuda/product_choices.cc
  src/transport/nccl_channel.cc
  ${LORATWIN_CUDA_TABLES})

set(LORATWIN_CUDA AUTO CACHE STRING "ON, OFF, or AUTO: where there is a GPU; the CUDA backend, compiled by nvcc")
set(LORATWIN_CUDA_ARCHITECTURES "80;86;89;90;100" CACHE STRING "Compute capabilities of its kernels; PTX of the last")
# A toolkit is a folder with bin/nvcc, named by CUDA_HOME or CUDA_PATH, in the system's usual place, or one that pip has
# installed: nvidia/cu13 whole (nvidia-cuda-nvcc, nvidia-cuda-runtime), or CUDA 12's packages apart.
set(LORATWIN_PYTHON_NVIDIA "" CACHE STRING "Folders of Python's package nvidia")
set(folders)
foreach(folder ${LORATWIN_PYTHON_NVIDIA})
  file(GLOB found ${folder}/cu[0-9]* ${folder}/cuda_nvcc ${folder}/cuda_runtime)
  list(APPEND folders ${found})
endforeach()
set(folders $ENV{CUDA_HOME} $ENV{CUDA_PATH} /usr/local/cuda ${folders})
find_program(LORATWIN_NVCC nvcc HINTS ${folders} PATH_SUFFIXES bin)
if(LORATWIN_NVCC)
  get_filename_component(home "${LORATWIN_NVCC}" REALPATH)
  get_filename_component(home "${home}" DIRECTORY)
  get_filename_component(home "${home}" DIRECTORY)
  list(PREPEND folders ${home})
endif()
find_path(LORATWIN_CUDART_INCLUDE cuda_runtime_api.h HINTS ${folders} PATH_SUFFIXES include)
find_library(LORATWIN_CUDART cudart_static HINTS ${folders} PATH_SUFFIXES lib64 lib)

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
set(LORATWIN_HAS_GPU OFF)
if(EXISTS /dev/nvidiactl OR EXISTS /dev/dxg)
  set(LORATWIN_HAS_GPU ON)
endif()
# Compiling the kernels for all GPUs takes minutes: without a GPU only who asks for it pays them.
set(LORATWIN_WITH_CUDA ${LORATWIN_CUDA})
if(LORATWIN_CUDA STREQUAL "AUTO")
  set(LORATWIN_WITH_CUDA OFF)
  if(LORATWIN_HAS_GPU AND LORATWIN_HAS_NVCC)
    set(LORATWIN_WITH_CUDA ON)
  elseif(LORATWIN_HAS_GPU)
    message(STATUS "loratwin: built without CUDA, though there is a GPU: Expected the toolkit (nvcc, cuda_runtime_api.h, libcudart_static.a), such as `pip install nvidia-cuda-nvcc nvidia-cuda-runtime` brings")
  endif()
endif()
if(LORATWIN_WITH_CUDA AND NOT LORATWIN_HAS_NVCC)
  message(FATAL_ERROR "Expected the CUDA toolkit (nvcc, cuda_runtime_api.h, libcudart_static.a) for LORATWIN_CUDA, got nvcc \"${LORATWIN_NVCC}\", headers \"${LORATWIN_CUDART_INCLUDE}\", library \"${LORATWIN_CUDART}\"")
endif()
if(LORATWIN_WITH_CUDA)
  loratwin_cuda_addon(loratwin ${LORATWIN_CUDA_ARCHITECTURES})
else()
  loratwin_addon(loratwin src/runtime/cuda/no_devices.cc)
endif()
