// Greedy tokens by llama.cpp: node llama-decode.mjs FOLDER, the folder in which node-llama-cpp is installed. Reads
// {model, adapter, prompts, count} from standard input and prints the tokens of each prompt. The cache is float32.
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import path from "node:path";
import { pathToFileURL } from "node:url";

const { model: modelPath, adapter, prompts, count } = JSON.parse(readFileSync(0, "utf8"));
const main = createRequire(path.join(path.resolve(process.argv[2]), "index.js")).resolve("node-llama-cpp");
const { getLlama } = await import(pathToFileURL(main).href);
const llama = await getLlama({ build: "never", gpu: false, logLevel: "error", maxThreads: 1 });
const model = await llama.loadModel({ modelPath });
const context = await model.createContext({
  contextSize: 512,
  threads: 1,
  flashAttention: false,
  experimentalKvCacheKeyType: "F32",
  experimentalKvCacheValueType: "F32",
  ...(adapter === undefined ? {} : { lora: { adapters: [{ filePath: adapter, scale: 1 }] } }),
});
const sequence = context.getSequence();
const greedy = { generateNext: { token: true, options: { temperature: 0 } } };
const answers = [];
for (const prompt of prompts) {
  await sequence.clearHistory();
  const tokens = [];
  let next = [...prompt.slice(0, -1), [prompt.at(-1), greedy]];
  while (tokens.length < count) {
    const output = await sequence.controlledEvaluate(next);
    tokens.push(output.at(-1).next.token);
    next = [[tokens.at(-1), greedy]];
  }
  answers.push(tokens);
}
process.stdout.write(JSON.stringify(answers));
process.exit(0);
