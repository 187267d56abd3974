// What an adapter has beside plain low-rank updates of linear layers.
import { CHANGES_BASE, OTHER_FORMS } from "../../exec/index.ts";
import type { AdapterFolder } from "./adapter-folder.ts";
import type { OtherKind } from "./adapter-tensors.ts";
import { isExpertPath } from "./targets.ts";

export const FEATURES = [
  "magnitudes",
  "experts",
  "router",
  "tied head",
  "untied head",
  "embedding",
  "biases",
  "biases of updates",
  "saved norms",
  "saved modules",
  "trained tokens",
  "other form",
  "changed base",
  "targets by an expression",
  "names of others",
  "half a pair",
  "other tensors",
] as const;
export type Feature = (typeof FEATURES)[number];

const OF_KIND: Readonly<Record<OtherKind, Feature>> = {
  embedding: "embedding",
  bias: "biases",
  "lora bias": "biases of updates",
  "saved norm": "saved norms",
  "saved module": "saved modules",
  "trainable tokens": "trained tokens",
  prefix: "names of others",
  half: "half a pair",
  unknown: "other tensors",
};

/** Where an adapter has a feature: modules, tensors, or keys of its configuration. */
export type FoundFeatures = ReadonlyMap<Feature, readonly string[]>;

function isOn(value: unknown): boolean {
  return value !== undefined && value !== null && value !== false && !(Array.isArray(value) && value.length === 0);
}

/** `isTied`: whether the base's head is its embedding; undefined where there is no base to look at. */
export function featuresOf({ config, dora, modules, others }: AdapterFolder, isTied?: boolean): FoundFeatures {
  const found = new Map<Feature, string[]>();
  const add = (feature: Feature, ...where: readonly string[]): void => {
    if (where.length > 0) found.set(feature, [...(found.get(feature) ?? []), ...where]);
  };
  const paths = modules.map(({ path }) => path);
  add("magnitudes", ...modules.filter(({ magnitude }) => magnitude !== undefined).map(({ path }) => path));
  if (dora && !found.has("magnitudes")) add("magnitudes", "use_dora");
  add("experts", ...paths.filter(isExpertPath));
  add("router", ...paths.filter((path) => /\.(?:gate|router)$/.test(path)));
  if (paths.includes("lm_head")) add(isTied === true ? "tied head" : "untied head", "lm_head");
  for (const { name, kind } of others) add(OF_KIND[kind], name);
  const keyed = (feature: Feature, key: string, is: boolean): void => {
    if (is && !found.has(feature)) add(feature, key);
  };
  keyed("biases", "bias", isOn(config["bias"]) && config["bias"] !== "none");
  keyed("biases of updates", "lora_bias", isOn(config["lora_bias"]));
  keyed("saved modules", "modules_to_save", isOn(config["modules_to_save"]) && !found.has("saved norms"));
  keyed("trained tokens", "trainable_token_indices", isOn(config["trainable_token_indices"]));
  for (const key of OTHER_FORMS) if (key !== "lora_bias" && isOn(config[key])) add("other form", key);
  if (config["ensure_weight_tying"] === true && found.has("tied head")) add("other form", "ensure_weight_tying");
  const start = config["init_lora_weights"];
  if (typeof start === "string" && CHANGES_BASE.test(start)) add("changed base", "init_lora_weights");
  const targets = config["target_modules"];
  if (typeof targets === "string" && targets !== "all-linear" && targets !== "all")
    add("targets by an expression", "target_modules");
  return found;
}
