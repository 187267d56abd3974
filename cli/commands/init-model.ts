import { initModel } from "../../datasets/index.ts";
import { absolute } from "../../files/index.ts";
import { type Command, flag, optionalCount, requiredText } from "../command.ts";
import { printResult } from "../output.ts";

export const initModelCommand: Command = {
  usage: "init-model <folder>",
  describe: "make a random Llama-shaped model with a byte-level tokenizer, in Hugging Face format",
  examples: [
    [
      "$0 init-model examples/model --hidden-size 128 --layers 4 --heads 4 --kv-heads 2 --seed 1",
      "the model of examples/workload.yaml",
    ],
  ],
  positionals: { folder: { type: "string", demandOption: true, describe: "folder to write" } },
  uses: [
    {
      input: "a shape",
      options: {
        "hidden-size": { type: "number", default: 128, describe: "width of the residual stream" },
        layers: { type: "number", default: 4, describe: "decoder layers" },
        heads: { type: "number", default: 4, describe: "attention heads" },
        "kv-heads": { type: "number", describe: "key and value heads (default: heads)" },
        "intermediate-size": { type: "number", describe: "width of the MLP (default: by Llama's rule)" },
        "max-positions": { type: "number", describe: "longest sequence" },
        "tie-embeddings": { type: "boolean", default: false, describe: "head shares the embedding" },
        seed: { type: "number", default: 0, describe: "equal seeds give equal bytes" },
      },
    },
  ],
  run(args, io) {
    const count = (name: string): number | undefined => optionalCount(args, name);
    const optional = <K extends string>(key: K, value: number | undefined): Partial<Record<K, number>> =>
      value === undefined ? {} : ({ [key]: value } as Record<K, number>);
    const result = initModel({
      folder: absolute(io, requiredText(args, "folder")),
      hiddenSize: count("hidden-size")!,
      layers: count("layers")!,
      heads: count("heads")!,
      seed: optionalCount(args, "seed", 0)!,
      tieEmbeddings: flag(args, "tie-embeddings"),
      ...optional("kvHeads", count("kv-heads")),
      ...optional("intermediateSize", count("intermediate-size")),
      ...optional("maxPositions", count("max-positions")),
    });
    printResult(io, args, result, () => `${result.numParameters} parameters written to ${result.folder}`);
    return 0;
  },
};
