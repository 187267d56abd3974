// An adapter as others take it.
import path from "node:path";
import { InputError, InvariantError } from "../../core/index.ts";
import { openModelFolder, weightsDigest } from "../../exec/index.ts";
import { absolute, type Place } from "../../files/index.ts";
import { type AdapterFolder, hasOtherRank, readAdapterFolder } from "./adapter-folder.ts";
import { writeAdapterGguf } from "./adapter-gguf.ts";
import { type BaseFolder, openBase } from "./base-folder.ts";
import { CONSUMER_RULES, MERGE_REFUSES } from "./consumers.ts";
import { FEATURES, type Feature, featuresOf } from "./features.ts";
import { MODEL_GGUF, modelNotes, ownType, writeModelGguf } from "./gguf-model.ts";
import { changesOf, readMatrices } from "./merge-tensors.ts";
import { writeMerged } from "./merged-folder.ts";
import type { TrainingFacts } from "./model-card.ts";
import { refuseTaken, type WrittenFile, writeNewFolder } from "./new-folder.ts";
import { ollamaBase, writeOllama } from "./ollama-folder.ts";
import { writePeft } from "./peft-folder.ts";
import { findQuantizer, isOwnType, quantize } from "./quantize.ts";
import { OF_EACH_EXPERT, strayModules } from "./stray-modules.ts";

export const EXPORT_TARGETS = ["merged", "gguf", "gguf-model", "ollama", "peft"] as const;
/** As of most models that people run by llama.cpp. */
const DEFAULT_TYPE = "q8_0";
export type ExportTarget = (typeof EXPORT_TARGETS)[number];

export interface ExportChoice {
  readonly adapter: string;
  readonly to: ExportTarget;
  readonly output: string;
  /** The base's folder, or hf:owner/name. */
  readonly base?: string | undefined;
  /** For Ollama: the base as it knows it. */
  readonly from?: string | undefined;
  /** For a whole model in GGUF: how its numbers are stored (q8_0), and the tool of llama.cpp for what is not ours. */
  readonly type?: string | undefined;
  readonly quantizer?: string | undefined;
  /** What its run tells of it. */
  readonly facts?: TrainingFacts | undefined;
}

export interface ExportedAdapter {
  readonly to: ExportTarget;
  readonly folder: string;
  readonly adapter: string;
  readonly base: string;
  readonly modules: number;
  readonly files: readonly WrittenFile[];
  readonly notes: readonly string[];
}

/** What a target cannot hold, and what to do instead. */
function refusals(to: ExportTarget): Partial<Readonly<Record<Feature, string>>> {
  switch (to) {
    case "merged":
    case "gguf-model":
      return MERGE_REFUSES;
    case "gguf":
    case "ollama": {
      const { rules } = CONSUMER_RULES["llama.cpp"];
      return Object.fromEntries(Object.entries(rules).map(([feature, { instead }]) => [feature, instead]));
    }
    case "peft": {
      const { rules } = CONSUMER_RULES.peft;
      return Object.fromEntries(
        Object.entries(rules)
          .filter(([, { effect }]) => effect !== "uncertain")
          .map(([feature, { instead }]) => [feature, instead]),
      );
    }
  }
}

const WORDS: Readonly<Record<ExportTarget, string>> = {
  merged: "an adapter that can be merged",
  "gguf-model": "an adapter that can be merged",
  gguf: "an adapter that llama.cpp takes",
  ollama: "an adapter that llama.cpp takes, which Ollama runs,",
  peft: "an adapter that PEFT loads without a warning",
};

/** @throws InputError with the first thing that the target would drop or get wrong */
function refuseLost(adapter: AdapterFolder, base: BaseFolder, to: ExportTarget): void {
  const found = featuresOf(adapter, base.arch.tiedEmbeddings);
  const refused = refusals(to);
  for (const feature of FEATURES) {
    const [where] = found.get(feature) ?? [];
    const hint = refused[feature];
    if (where === undefined || hint === undefined) continue;
    throw new InputError({ expected: WORDS[to], at: where, got: feature, file: adapter.folder, hint });
  }
  const each = adapter.modules.find(({ path: module }) => OF_EACH_EXPERT.test(module));
  if (adapter.rslora && each !== undefined)
    throw new InputError({
      expected: "one adapter of all experts where use_rslora is true",
      at: each.path,
      got: "one of each expert",
      file: adapter.folder,
      hint: "PEFT scales it with transformers 5 otherwise than with 4, with which it was made. Let the PEFT that made it merge it.",
    });
  const { untargeted, missing, noTargets } = strayModules(adapter, base);
  if (noTargets)
    throw new InputError({
      expected: "target_modules",
      file: path.join(adapter.folder, "adapter_config.json"),
      got: "none",
      hint: "Without it PEFT takes q_proj and v_proj, whatever the tensors are.",
    });
  const [stray] = untargeted;
  if (stray !== undefined)
    throw new InputError({
      expected: "only modules that target_modules names",
      at: stray,
      got: "a module more",
      file: adapter.folder,
      hint: "PEFT passes over it without a warning. Add it to target_modules, or take its tensors out.",
    });
  const ranked = adapter.modules.find(hasOtherRank);
  if (ranked !== undefined)
    throw new InputError({
      expected: `matrices of rank ${ranked.configRank}, as adapter_config.json says,`,
      at: ranked.path,
      got: ranked.rank,
      file: adapter.folder,
      hint: "Write r, or rank_pattern, as the matrices are.",
    });
  const [lacking] = missing;
  if (lacking !== undefined)
    throw new InputError({
      expected: `tensors of ${lacking}, which target_modules names`,
      file: adapter.folder,
      got: "no such tensors",
      hint: "Save the adapter again, or name in target_modules what it is on.",
    });
}

function writeWholeGguf(
  folder: string,
  adapter: AdapterFolder,
  base: BaseFolder,
  { type = DEFAULT_TYPE, quantizer }: ExportChoice,
  place: Place,
): void {
  const file = path.join(folder, MODEL_GGUF);
  if (isOwnType(type)) {
    writeModelGguf(file, adapter, base, type);
    return;
  }
  const tool = findQuantizer(place, quantizer);
  const before = path.join(folder, "unquantized.gguf");
  writeModelGguf(before, adapter, base, ownType(base));
  quantize(tool, before, file, type);
}

function write(unfinished: string, adapter: AdapterFolder, base: BaseFolder, choice: ExportChoice, place: Place) {
  const { to, from, facts, output } = choice;
  switch (to) {
    case "merged":
      writeMerged(unfinished, adapter, base);
      return [];
    case "gguf":
      writeAdapterGguf(unfinished, adapter, base);
      return [];
    case "gguf-model":
      writeWholeGguf(unfinished, adapter, base, choice, place);
      return modelNotes(base);
    case "ollama":
      writeOllama(unfinished, adapter, base, ollamaBase(place, from, base));
      return ["The chat template is the base's own: the Modelfile has no TEMPLATE."];
    case "peft": {
      const name = facts?.job ?? path.basename(absolute(place, output));
      return writePeft(unfinished, name, adapter, base, choice.base, facts);
    }
  }
}

/**
 * Writes an adapter for one target into a new folder.
 * @throws InputError where the adapter or its base is not whole, where the target would drop a part of the adapter, or
 * where the folder is taken
 */
export async function exportAdapter(place: Place, choice: ExportChoice): Promise<ExportedAdapter> {
  const output = absolute(place, choice.output);
  if (choice.from !== undefined && choice.to !== "ollama")
    throw new InputError({ expected: "--to ollama beside --from", at: "--to", got: choice.to });
  for (const name of ["type", "quantizer"] as const)
    if (choice[name] !== undefined && choice.to !== "gguf-model")
      throw new InputError({ expected: `--to gguf-model beside --${name}`, at: "--to", got: choice.to });
  if (choice.to === "gguf-model" && !isOwnType(choice.type ?? DEFAULT_TYPE)) findQuantizer(place, choice.quantizer);
  refuseTaken(place, output);
  const adapter = readAdapterFolder(absolute(place, choice.adapter));
  if (adapter.modules.length === 0 && adapter.others.length === 0)
    throw new InputError({ expected: "an adapter with tensors", file: adapter.folder, got: "none" });
  const base = await openBase(adapter, { place, given: choice.base, ofRun: choice.facts?.base });
  refuseLost(adapter, base, choice.to);
  // Before anything is written: all that belongs to the base, and numbers that are none.
  changesOf(adapter, base);
  for (const module of adapter.modules) readMatrices(adapter, module);
  let notes: readonly string[] | undefined;
  const files = writeNewFolder(output, (unfinished) => {
    notes = write(unfinished, adapter, base, choice, place);
    // Somebody else may have made it meanwhile.
    refuseTaken(place, output);
  });
  const hasTokenizer = files.some(({ name }) => name === "tokenizer_config.json");
  if (!choice.to.startsWith("gguf") && !hasTokenizer)
    notes = [...(notes ?? []), "There is no tokenizer beside the base, so none goes along: a server needs one."];
  if (notes === undefined) throw new InvariantError({ expected: "a folder that was written", got: output });
  const trainedOn = choice.to === "merged" || choice.to === "gguf-model" ? choice.facts?.weights : undefined;
  if (trainedOn !== undefined && trainedOn !== (await weightsDigest(openModelFolder(base.folder))))
    notes = [
      ...notes,
      `${base.folder} has other weights than the adapter was trained on: the model may answer nonsense.`,
    ];
  return {
    to: choice.to,
    folder: choice.output,
    adapter: choice.adapter,
    base: base.folder,
    modules: adapter.modules.length,
    files,
    notes,
  };
}
