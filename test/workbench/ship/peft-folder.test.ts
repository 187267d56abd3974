import { cpSync, readFileSync } from "node:fs";
import path from "node:path";
import { beforeAll, describe, expect, it } from "vitest";
import { exportAdapter } from "../../../workbench/ship/export-adapter.ts";
import { temporaryFolder } from "../../cli/run-cli.ts";
import { makeAdapter, makeBase } from "./made-adapter.ts";
import { readJson } from "./oracle-export.ts";

const root = temporaryFolder();
const place = { cwd: root };
const at = (...names: readonly string[]): string => path.join(root, ...names);
const BASE = at("base");
const CACHED = at("hub", "models--some-owner--a.model-1b", "main");

beforeAll(() => {
  makeBase(BASE);
  cpSync(BASE, CACHED, { recursive: true });
});

describe("a PEFT folder for others", () => {
  it("has no key that PEFT would warn of, and says which were left out", async () => {
    makeAdapter(at("own keys"), BASE, { config: (c) => ({ ...c, my_note: "x", task_type: undefined }) });
    const { notes } = await exportAdapter(place, { adapter: "own keys", to: "peft", output: "without" });
    const config = readJson<Readonly<Record<string, unknown>>>(at("without", "adapter_config.json"));
    expect(config).not.toHaveProperty("my_note");
    expect(config).toMatchObject({ task_type: "CAUSAL_LM", r: 4, lora_alpha: 8, base_model_name_or_path: BASE });
    expect(notes).toEqual([
      "Keys that PEFT does not know are left out: my_note.",
      "base_model is a folder of this machine; others need the base's name on the hub.",
    ]);
  });

  it("names a base of the hub as the hub does", async () => {
    makeAdapter(at("of the hub"), CACHED);
    const { notes } = await exportAdapter(place, { adapter: "of the hub", to: "peft", output: "card" });
    expect(notes).toEqual([]);
    expect(readFileSync(at("card", "README.md"), "utf8")).toMatch(/^---\nbase_model: some-owner\/a\.model-1b\n/);
    expect(readJson(at("card", "adapter_config.json"))).toMatchObject({
      base_model_name_or_path: "some-owner/a.model-1b",
    });
  });

  it("has texts of any kind in its card as YAML can hold them", async () => {
    makeAdapter(at("odd"), BASE, { config: (c) => ({ ...c, base_model_name_or_path: "a: b #c\n- d" }) });
    await exportAdapter(place, { adapter: "odd", to: "peft", output: "odd card", base: BASE });
    const { parse } = await import("yaml");
    const front = readFileSync(at("odd card", "README.md"), "utf8").split("---\n")[1]!;
    expect(parse(front)).toMatchObject({
      base_model: "a: b #c\n- d",
      library_name: "peft",
      tags: ["lora", "loratwin"],
    });
  });
});
