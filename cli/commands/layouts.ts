import { InputError } from "../../core/index.ts";
import { countedType, type Dtype, PRECISIONS, type Recompute, type StepLayout } from "../../plan/index.ts";
import type { ProductPrecision } from "../../studies/index.ts";
import { layoutsOf } from "../../workbench/index.ts";
import { type Arguments, type Command, flag, optionalCount, optionalText, requiredText } from "../command.ts";
import { layoutsFacts, layoutsText } from "../describe-layouts.ts";
import { printResult } from "../output.ts";
import { CATALOG_OPTION, GPU_OPTION, PLAN_OPTIONS, RELEASE_OPTION } from "../plan-options.ts";
import { CACHE_OPTIONS } from "../prediction-options.ts";
import { contextOf } from "../request-options.ts";

const ROWS = 12;

/** --gpu 'NAME*COUNT', or --accelerator and --count. @throws InputError for neither */
function acceleratorsOf(args: Arguments) {
  const gpu = optionalText(args, "gpu");
  const [accelerator, count] = [optionalText(args, "accelerator"), optionalCount(args, "count")];
  if (gpu === undefined && accelerator !== undefined && count !== undefined)
    return { accelerator, acceleratorAt: "--accelerator", count };
  const counted = countedType(gpu ?? "");
  if (counted !== undefined && counted.count > 0 && Number.isSafeInteger(counted.count))
    return { accelerator: counted.type, acceleratorAt: "--gpu", count: counted.count };
  throw new InputError({
    expected: "--gpu 'H100 SXM*8' with one kind of GPU, or --accelerator 'H100 SXM' and --count 8",
    got: gpu ?? (accelerator === undefined ? "neither" : "no count"),
  });
}

export const layoutsCommand: Command = {
  usage: "layouts <workload>",
  describe:
    "every way in which accelerators can share the steps of a workload: tensor, context, pipeline and data parallel, ZeRO, recomputation; with time and memory",
  examples: [
    ["$0 layouts w.yaml --gpu 'H100 SXM*8'", "in bfloat16"],
    ["$0 layouts w.yaml --accelerator GB200 --count 72 --precision float4", "with a 4-bit base model"],
    [
      '$0 layouts w.yaml --accelerator "H100 SXM" --count 8 --tensor-parallel 2 --pipeline-parallel 4 --recompute none',
      "as somebody else has trained it",
    ],
  ],
  positionals: { workload: { type: "string", demandOption: true, describe: "workload file (YAML or JSON)" } },
  uses: [
    {
      input: "a workload",
      options: {
        gpu: { ...GPU_OPTION, notBeside: ["accelerator", "count"] },
        accelerator: { type: "string", describe: "device of the catalog, in place of --gpu" },
        count: { type: "number", describe: "how many accelerators, in machines of as many as they come in" },
        precision: {
          type: "string",
          choices: PRECISIONS,
          default: "bfloat16",
          describe: "precision of matrix products and of base weights; 8 and 4 bits are simulated only",
        },
        release: RELEASE_OPTION,
        graphs: {
          type: "boolean",
          default: true,
          describe: "kernels are launched as recorded graphs; with --no-graphs the host is a floor",
        },
        overlap: {
          type: "boolean",
          default: false,
          describe: "collectives of tensor parallelism run beside products",
        },
        "tensor-parallel": { type: "number", describe: "accelerators that share each layer; tried when absent" },
        "context-parallel": { type: "number", describe: "accelerators that share each row; tried when absent" },
        "pipeline-parallel": { type: "number", describe: "stages of as many layers each; tried when absent" },
        shard: {
          type: "string",
          choices: ["state", "weights"] satisfies readonly StepLayout["sharded"][],
          describe:
            "what copies of the model share: the optimizer's state (ZeRO-1) or weights too (ZeRO-3, FSDP); tried when absent",
        },
        "micro-batch-tokens": {
          type: "number",
          describe: "the most tokens of a micro-batch of whole rows; tried when absent",
        },
        recompute: PLAN_OPTIONS.recompute,
        dtype: {
          ...PLAN_OPTIONS.dtype,
          choices: ["bfloat16", "int8", "nf4"] satisfies readonly Dtype[],
          describe:
            "how the base model's weights are kept under products in bfloat16; over the workload's `model.dtype`",
        },
        "virtual-stages": {
          type: "number",
          describe:
            "groups of layers that each stage of a pipeline has (interleaved 1F1B): it fills in as much less; one when absent",
        },
        "drain-after": {
          type: "number",
          describe: "micro-batches after which a pipeline drains before it fills again; those of a step when absent",
        },
        top: { type: "number", default: ROWS, describe: "rows of the table" },
        catalog: CATALOG_OPTION,
        ...CACHE_OPTIONS,
      },
    },
  ],
  async run(args, io) {
    const layouts = await layoutsOf(contextOf(io, args), requiredText(args, "workload"), {
      ...acceleratorsOf(args),
      precision: requiredText(args, "precision") as ProductPrecision,
      release: requiredText(args, "release"),
      hasGraphs: args["graphs"] !== false,
      overlaps: flag(args, "overlap"),
      catalog: optionalText(args, "catalog"),
      dtype: optionalText(args, "dtype") as Dtype | undefined,
      recompute: optionalText(args, "recompute") as Recompute | undefined,
      virtualStages: optionalCount(args, "virtual-stages"),
      drainAfter: optionalCount(args, "drain-after"),
      asked: {
        tensorParallel: optionalCount(args, "tensor-parallel"),
        contextParallel: optionalCount(args, "context-parallel"),
        pipelineParallel: optionalCount(args, "pipeline-parallel"),
        sharded: optionalText(args, "shard") as StepLayout["sharded"] | undefined,
        microTokens: optionalCount(args, "micro-batch-tokens"),
      },
    });
    const most = optionalCount(args, "top") ?? ROWS;
    printResult(io, args, layoutsFacts(layouts), () => layoutsText(layouts, most));
    return layouts.comparison.rows.length === 0 ? 1 : 0;
  },
};
