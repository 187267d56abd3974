// Tokens of a random model by llama.cpp, greedy. Needs a folder in which node-llama-cpp is installed, and a GGUF file:
// node llama-cpp.mjs FOLDER FILE --prompt 32 --tokens 64 --threads 2. Prints {"ready": true}, then {"seconds": s} for
// each line on standard input.
import { createRequire } from "node:module";
import path from "node:path";
import { createInterface } from "node:readline";
import { pathToFileURL } from "node:url";
import { parseArgs } from "node:util";

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { prompt: { type: "string" }, tokens: { type: "string" }, threads: { type: "string" } },
});
const [folder, file] = positionals;
const [prompt, tokens, threads] = [values.prompt, values.tokens, values.threads].map(Number);
const main = createRequire(path.join(path.resolve(folder), "index.js")).resolve("node-llama-cpp");
const { getLlama } = await import(pathToFileURL(main).href);
const llama = await getLlama({ build: "never", gpu: false, logLevel: "error", maxThreads: threads });
const model = await llama.loadModel({ modelPath: file });
const context = await model.createContext({
  contextSize: prompt + tokens + 8,
  threads,
  flashAttention: false,
  experimentalKvCacheKeyType: "F32",
  experimentalKvCacheValueType: "F32",
});
const sequence = context.getSequence();
const ids = Array.from({ length: prompt }, (_, i) => 1 + ((i * 37) % 200));
const greedy = { generateNext: { token: true, options: { temperature: 0 } } };
console.log(JSON.stringify({ ready: true }));
for await (const _ of createInterface({ input: process.stdin })) {
  await sequence.clearHistory();
  const began = performance.now();
  let output = await sequence.controlledEvaluate([...ids.slice(0, -1), [ids.at(-1), greedy]]);
  for (let made = 1; made < tokens; made += 1)
    output = await sequence.controlledEvaluate([[output.at(-1).next.token, greedy]]);
  console.log(JSON.stringify({ seconds: (performance.now() - began) / 1e3 }));
}
process.exit(0);
