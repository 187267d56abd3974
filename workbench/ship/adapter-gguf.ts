// An adapter as llama.cpp loads it beside a base in GGUF.
import path from "node:path";
import { InputError } from "../../core/index.ts";
import type { AdapterFolder, ScaledModule } from "./adapter-folder.ts";
import type { BaseFolder } from "./base-folder.ts";
import { type GgufPair, type GgufTensor, writeGguf } from "./gguf-file.ts";
import { GGUF_MODEL_TYPES, ggufFamily, ggufName, stoppingModules, withMovedRows } from "./gguf-names.ts";
import { checkShapes, readFinite } from "./merge-tensors.ts";

export const ADAPTER_GGUF = "adapter.gguf";

/** "stories-r4-qv" as "Stories R4 Qv". Source: Metadata.id_to_title, gguf 0.19. */
export function titleOf(name: string): string {
  const title = (word: string): string =>
    /[a-z]/.test(word) && word === word.toLowerCase() && !/^(?:v\d+(?:\.\d+)*|\d.*)$/.test(word)
      ? word.replace(/(?<![a-z])[a-z]/g, (letter) => letter.toUpperCase())
      : word;
  return name.trim().replaceAll("-", " ").split(/\s+/).map(title).join(" ");
}

/**
 * The one alpha of the file, and whether B has to make up for what it gets wrong: llama.cpp multiplies by alpha / rank
 * of each module.
 */
function scaleOf({ alpha, modules, rslora }: AdapterFolder): { readonly alpha: number; readonly scalesB: boolean } {
  const isRight = (of: number): boolean =>
    modules.every(({ rank, scale }) => Math.abs(of / rank - scale) <= 1e-12 * Math.abs(scale));
  if (isRight(alpha)) return { alpha, scalesB: false };
  const [first] = modules;
  const rooted = alpha * Math.sqrt(first?.rank ?? 1);
  if (rslora && isRight(rooted)) return { alpha: rooted, scalesB: false };
  return { alpha, scalesB: true };
}

function tensorsOf(
  adapter: AdapterFolder,
  { arch }: BaseFolder,
  module: ScaledModule,
  moves: boolean,
  alpha: number | undefined,
): readonly GgufTensor[] {
  const { path: modulePath, rank, a, b, scale } = module;
  const name = ggufName(modulePath)!;
  const heads = modulePath.endsWith(".q_proj")
    ? arch.numHeads
    : modulePath.endsWith(".k_proj")
      ? arch.numKvHeads
      : undefined;
  return [
    {
      ...{ name: `${name}.lora_a`, dimensions: [a.shape[1]!, rank], type: "f32" },
      pieces: () => [readFinite(adapter, a)],
    },
    {
      ...{ name: `${name}.lora_b`, dimensions: [rank, b.shape[0]!], type: "f32" },
      pieces: () => {
        const values = readFinite(adapter, b);
        const scaled = alpha === undefined ? values : values.map((value) => (value * (scale * rank)) / alpha);
        return [moves && heads !== undefined ? withMovedRows(scaled, rank, heads) : scaled];
      },
    },
  ];
}

/** @throws InputError for a model whose names in llama.cpp are not known here */
export function writeAdapterGguf(folder: string, adapter: AdapterFolder, base: BaseFolder): void {
  const family = ggufFamily(base.config);
  const hint = "`loratwin export --to merged` makes a model that llama.cpp's converter takes.";
  const file = path.join(base.folder, "config.json");
  if (family === undefined)
    throw new InputError({
      expected: `one of ${GGUF_MODEL_TYPES.join(", ")}`,
      at: "model_type",
      got: base.config["model_type"],
      ...{ file, hint },
    });
  const other = family.refuses?.(base.config);
  if (other !== undefined)
    throw new InputError({ expected: "a model whose rows llama.cpp leaves in order", file, got: other, hint });
  const unnamed = adapter.modules.find(({ path: module }) => ggufName(module) === undefined);
  if (unnamed !== undefined)
    throw new InputError({ expected: "modules that llama.cpp has a name for", at: unnamed.path, got: "another", hint });
  const [stopping] = stoppingModules(
    base.config,
    adapter.modules.map(({ path: module }) => module),
  );
  if (stopping !== undefined)
    throw new InputError({
      expected: `an adapter that llama.cpp decodes a ${family.architecture} with`,
      at: stopping,
      got: "one that ends its process with an assertion",
      hint,
    });
  for (const module of adapter.modules) checkShapes(base, module);
  const { alpha, scalesB } = scaleOf(adapter);
  if (alpha === 0)
    throw new InputError({
      expected: "an alpha other than 0, for which llama.cpp would take the scale 1,",
      at: "lora_alpha",
      got: 0,
    });
  const values: readonly GgufPair[] = [
    ["general.architecture", { type: "string", value: family.architecture }],
    ["general.type", { type: "string", value: "adapter" }],
    ["adapter.type", { type: "string", value: "lora" }],
    ["general.name", { type: "string", value: titleOf(path.basename(adapter.folder)) }],
    ["adapter.lora.alpha", { type: "float32", value: alpha }],
    ["general.quantization_version", { type: "uint32", value: 2 }],
  ];
  writeGguf(
    path.join(folder, ADAPTER_GGUF),
    values,
    adapter.modules.flatMap((module) =>
      tensorsOf(adapter, base, module, family.movesRows === true, scalesB ? alpha : undefined),
    ),
  );
}
