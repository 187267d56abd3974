# The kernels, and what they share with the host: nvcc compiles them for GPUs (src/runtime/cuda/sources.cmake), g++ for the
# emulation (test/emulation.cmake).
set(LORATWIN_CUDA_KERNELS
  src/cuda/adapter_norms.cu
  src/cuda/adamw.cu
  src/cuda/attention.cu
  src/cuda/attention_backward.cu
  src/cuda/attention_plain.cu
  src/cuda/cached_attention.cu
  src/cuda/copy.cu
  src/cuda/cross_entropy.cu
  src/cuda/dequantize.cu
  src/cuda/embed.cu
  src/cuda/expert_matmul.cu
  src/cuda/expert_rows.cu
  src/cuda/fill_rows.cu
  src/cuda/head_norm.cu
  src/cuda/lora_dsx_dys.cu
  src/cuda/lora_plain.cu
  src/cuda/lora_sb_dsa.cu
  src/cuda/lora_xa_dyb.cu
  src/cuda/magnitude.cu
  src/cuda/preference.cu
  src/cuda/rmsnorm.cu
  src/cuda/rope.cu
  src/cuda/route.cu
  src/cuda/select_rows.cu
  src/cuda/sum_squares.cu
  src/cuda/swiglu.cu
  src/cuda/temperature.cu
  src/cuda/token_rows.cu)
set(LORATWIN_CUDA_TABLES src/cuda/lora_tiles.cc)
foreach(list LORATWIN_CUDA_KERNELS LORATWIN_CUDA_TABLES)
  list(TRANSFORM ${list} PREPEND "${CMAKE_CURRENT_LIST_DIR}/../../")
endforeach()
