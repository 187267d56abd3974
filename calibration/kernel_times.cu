// Times products of a GPU for `loratwin calibrate --from` where there is no PyTorch: needs CUDA's toolkit with cuBLAS
// alone (11.5 or newer), and about half a minute.
//
// Products of a model's layers in bfloat16 (512, 2048 and 8192 tokens, forward and backward), as kernel_times.py has
// them. Each is held at full load, as training does, and timed in the second half of that. Writes a CSV file, a row a
// product, times in milliseconds.
//
//   nvcc -O2 kernel_times.cu -lcublas -o kernel_times
//   ./kernel_times           Llama 3 8B's shapes, on GPU 0, into kernels.csv
//   ./kernel_times --help    another model's shapes, another file

#include <cublas_v2.h>
#include <cuda_bf16.h>
#include <cuda_runtime.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <map>
#include <random>
#include <string>
#include <utility>
#include <vector>

const char* const HELP = R"(usage: kernel_times [options]

Times products of a model's layers on GPU 0, for `loratwin calibrate --from`.

  -o, --output FILE  where to write the times (kernels.csv)
  --seconds S        for which a product is held at full load (1.5)
  --gpu NAME         the GPU's name, such as 'H100 SXM' in loratwin's catalog (as CUDA has it)
  --hidden N         the model's sizes, as its config.json has them: hidden_size (4096)
  --inner N          intermediate_size (14336)
  --heads N          num_attention_heads (32)
  --kv-heads N       num_key_value_heads (8)
  --head-dim N       head_dim (--hidden / --heads))";

[[noreturn]] void fail(const std::string& text, int code) {
  std::fprintf(stderr, "kernel_times: %s\n", text.c_str());
  std::exit(code);
}
void check(cudaError_t status, const char* call) {
  if (status != cudaSuccess) fail(std::string(call) + ": " + cudaGetErrorString(status), 1);
}
void check(cublasStatus_t status, const char* call) {
  if (status != CUBLAS_STATUS_SUCCESS) fail(std::string(call) + ": " + cublasGetStatusString(status), 1);
}

struct Options {
  std::string output = "kernels.csv", gpu;
  double seconds = 1.5, hidden = 4096, inner = 14336, heads = 32, kvHeads = 8, headDim = 0;
};

Options readOptions(int count, char** words) {
  Options options;
  const std::map<std::string, std::string*> texts = {
      {"-o", &options.output}, {"--output", &options.output}, {"--gpu", &options.gpu}};
  const std::map<std::string, double*> numbers = {{"--seconds", &options.seconds},  {"--hidden", &options.hidden},
                                                  {"--inner", &options.inner},      {"--heads", &options.heads},
                                                  {"--kv-heads", &options.kvHeads}, {"--head-dim", &options.headDim}};
  for (int i = 1; i < count; i += 2) {
    const std::string name = words[i];
    if (name == "-h" || name == "--help") std::exit(std::puts(HELP) < 0);
    const bool isText = texts.count(name) == 1;
    if (!isText && numbers.count(name) == 0) fail("expected an option that --help lists, got " + name, 2);
    if (i + 1 == count) fail("expected a value after " + name, 2);
    const std::string value = words[i + 1];
    if (isText) {
      *texts.at(name) = value;
      continue;
    }
    char* end;
    const double number = std::strtod(value.c_str(), &end);
    const bool isGood = !value.empty() && *end == 0 && number > 0 && number <= 1e6;
    if (name == "--seconds" && !isGood) fail("expected seconds above 0 at --seconds, got \"" + value + "\"", 2);
    if (!isGood || (name != "--seconds" && number != std::floor(number)))
      fail("expected a whole number from 1 to 1000000 at " + name + ", got \"" + value + "\"", 2);
    *numbers.at(name) = number;
  }
  if (options.headDim == 0) options.headDim = std::max(1.0, std::floor(options.hidden / options.heads));
  if ((options.heads + 2 * options.kvHeads) * options.headDim > 1e8) fail("expected fewer or smaller heads", 2);
  // It becomes a cell of the table.
  if (options.gpu.find_first_of(",\"\r\n") != std::string::npos) fail("expected no comma or quote at --gpu", 2);
  return options;
}

double now() { return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count(); }
void finish() { check(cudaDeviceSynchronize(), "cudaDeviceSynchronize"); }

// Milliseconds of a call that is repeated for so long: the mean of the second half, when clocks have settled.
template <class Call>
double held(Call call, double seconds) {
  for (int turn = 0; turn < 3; turn++) call(turn);
  finish();
  double start = now();
  call(0);
  finish();
  // Some tens of milliseconds of launches ahead: the device never waits for the host.
  const int ahead = std::max(1, static_cast<int>(0.05 / std::max(now() - start, 1e-6)));
  double half = 0, calls = 0;
  start = now();
  while (true) {
    for (int turn = 0; turn < ahead; turn++) call(turn);
    finish();
    const double time = now();
    if (half > 0) {
      calls += ahead;
      if (time - start >= seconds) return 1000 * (time - half) / calls;
    } else if (time - start >= seconds / 2) {
      half = time;
    }
  }
}

// Fills memory with normal values, on which a GPU's power depends: a prime count over and over, so that rows differ.
void fill(char* memory, std::size_t bytes) {
  std::vector<__nv_bfloat16> values(1048573);
  std::mt19937 random(1);
  std::normal_distribution<float> normal;
  for (auto& value : values) value = __float2bfloat16(normal(random));
  std::size_t done = std::min(bytes, sizeof(values[0]) * values.size());
  check(cudaMemcpy(memory, values.data(), done, cudaMemcpyHostToDevice), "cudaMemcpy");
  for (std::size_t more; done < bytes; done += more) {
    more = std::min(done, bytes - done);
    check(cudaMemcpy(memory + done, memory, more, cudaMemcpyDeviceToDevice), "cudaMemcpy");
  }
}

// Milliseconds of [tokens, inputs] times weights [outputs, inputs], by rows; 0 where the GPU has no room for them.
double productMs(cublasHandle_t blas, int tokens, int outputs, int inputs, double seconds) {
  const auto bytesOf = [](std::size_t rows, std::size_t columns) { return (2 * rows * columns + 511) / 512 * 512; };
  const std::size_t x = bytesOf(tokens, inputs), y = bytesOf(tokens, outputs), weight = bytesOf(outputs, inputs);
  // Weights take turns, so that a small one is read from memory as in training.
  const int weights = 4;
  char* memory;
  const cudaError_t status = cudaMalloc(reinterpret_cast<void**>(&memory), x + y + weights * weight);
  if (status == cudaErrorMemoryAllocation) {
    cudaGetLastError();  // Else a later call reports it.
    return 0;
  }
  check(status, "cudaMalloc");
  fill(memory, x + y + weights * weight);
  const float one = 1, zero = 0;
  // cuBLAS goes by columns: it is asked for y', which is the weights times x'.
  const auto product = [&](int turn) {
    check(cublasGemmEx(blas, CUBLAS_OP_T, CUBLAS_OP_N, outputs, tokens, inputs, &one,
                       memory + x + y + turn % weights * weight, CUDA_R_16BF, inputs, memory, CUDA_R_16BF, inputs,
                       &zero, memory + x, CUDA_R_16BF, outputs, CUBLAS_COMPUTE_32F, CUBLAS_GEMM_DEFAULT),
          "cublasGemmEx");
  };
  const double ms = held(product, seconds);
  check(cudaFree(memory), "cudaFree");
  return ms;
}

int main(int count, char** words) {
  const Options options = readOptions(count, words);
  cudaDeviceProp gpu;
  check(cudaGetDeviceProperties(&gpu, 0), "GPU 0");
  cublasHandle_t blas;
  check(cublasCreate(&blas), "cublasCreate");
  const char* const output = options.output.c_str();
  std::FILE* const file = std::fopen(output, "w");
  const auto checkFile = [&](bool isGood) {
    if (!isGood) fail(options.output + ": " + std::strerror(errno), 1);
  };
  checkFile(file != nullptr);
  std::fputs("Attention and collectives are left as loratwin's catalog has them: products are timed.\n", stderr);
  std::fputs("gpu,kernel,m,n,k,head_dim,heads,kv_heads,batch,tokens,collective,gpus,bytes,ms,held\n", file);

  const int hidden = options.hidden, inner = options.inner, queries = options.heads * options.headDim;
  const int qkv = queries + 2 * options.kvHeads * options.headDim;
  // Outputs and inputs: q, k and v at once, o, gate and up at once, down; then the backward of the largest.
  const std::vector<std::pair<int, int>> kinds = {
      {qkv, hidden}, {hidden, queries}, {2 * inner, hidden}, {hidden, inner}, {hidden, 2 * inner}};
  const double begun = now();
  for (const int tokens : {512, 2048, 8192}) {
    for (auto kind = kinds.begin(); kind != kinds.end(); kind++) {
      if (std::find(kinds.begin(), kind, *kind) != kind) continue;
      const int outputs = kind->first, inputs = kind->second;
      const double ms = productMs(blas, tokens, outputs, inputs, options.seconds);
      if (ms == 0) {
        std::fprintf(stderr, "no room for %d x %d x %d\n", tokens, outputs, inputs);
        continue;
      }
      const std::string& name = options.gpu.empty() ? gpu.name : options.gpu;
      std::fprintf(file, "%s,product,%d,%d,%d,,,,,,,,,%.6g,1\n", name.c_str(), tokens, outputs, inputs, ms);
      checkFile(std::fflush(file) == 0);
      std::printf("%5.0f s  product     %d, %d, %d: %.4g ms\n", now() - begun, tokens, outputs, inputs, ms);
      std::fflush(stdout);
    }
  }
  checkFile(std::fclose(file) == 0);
  std::printf("%s: `loratwin calibrate --from %s` makes costs of it\n", output, output);
}
