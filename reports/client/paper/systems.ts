import type { PaperPageRow } from "../../paper-data.ts";

/** Hue and name of each system, the same in every chart. */
const SYSTEMS: Readonly<Record<string, { readonly name: string; readonly hue: number }>> = {
  lorapp: { name: "LoRAPP", hue: 0 },
  tp: { name: "tensor parallel", hue: 1 },
  fsdp: { name: "FSDP", hue: 2 },
  "1f1b": { name: "1F1B", hue: 3 },
  peft: { name: "PEFT, one GPU", hue: 4 },
};

/** The order of systems in bars, slowest first as in the paper. */
export const SYSTEM_ORDER = ["1f1b", "tp", "fsdp", "lorapp", "peft"];

export function systemName(system: string): string {
  return SYSTEMS[system]?.name ?? system;
}

export function systemHue(system: string): string {
  return `var(--hue-${SYSTEMS[system]?.hue ?? 7})`;
}

const MODELS: Readonly<Record<string, string>> = {
  "tinyllama-1.1b": "TinyLlama 1.1B",
  "llama-2-7b": "Llama 2 7B",
  "llama-2-13b": "Llama 2 13B",
};

export function modelName(model: string): string {
  return MODELS[model] ?? model;
}

/** Distinct values in order of appearance. */
export function distinct<T>(values: readonly T[]): readonly T[] {
  return [...new Set(values)];
}

/** A value with its unit's digits. */
export function valueText(value: PaperPageRow["published"], unit: PaperPageRow["unit"]): string {
  if (value === "out of memory") return "out of memory";
  return unit === "tokens/s" ? value.toFixed(0) : value.toFixed(3);
}

/** What a row is, in a few words. */
export function rowText({ model, system, adapters }: PaperPageRow): string {
  return `${modelName(model)}, ${systemName(system)}${system === "lorapp" ? ` with ${adapters}` : ""}`;
}
