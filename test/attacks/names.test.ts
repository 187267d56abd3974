import { readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { beforeAll, expect, it } from "vitest";
import { plainText } from "../../core/index.ts";
import type { TraceDocument } from "../../traces/trace-document.ts";
import { printed, temporaryFolder } from "../cli/run-cli.ts";
import { isNightly, someOf } from "../level.ts";
import { hostileNames, textsInRuns } from "./names.ts";
import { TIMEOUT_MS, withstand, writeTargets } from "./withstand.ts";

const root = temporaryFolder();
const RUN = ["plan.json", "trace.json", "metrics.jsonl", "journal.jsonl"] as const;
let files: Readonly<Record<string, string>>;

beforeAll(async () => {
  await writeTargets(root);
  const folder = path.join(root, "planned");
  await printed(["train", "p.json", "-o", "run"], folder);
  const read = (name: string): string => readFileSync(path.join(folder, "run", name), "utf8");
  files = Object.fromEntries(RUN.map((name) => [name, read(name)]));
}, TIMEOUT_MS);

/** All texts of a page's data. */
function textsOf(value: unknown): readonly string[] {
  if (typeof value === "string") return [value];
  if (typeof value !== "object" || value === null) return [];
  return Object.entries(value).flatMap(([key, own]) => [key, ...textsOf(own)]);
}

it("names that move cursors or turn texts around reach terminals and pages escaped", {
  tags: ["slow"],
  timeout: TIMEOUT_MS,
}, async () => {
  const attacks = someOf(hostileNames(JSON.parse(files["trace.json"]!) as TraceDocument), { quick: 15, all: 25 });
  await withstand(root, "names", attacks);
  let pages = 0;
  for (const index of attacks.keys()) {
    const folder = path.join(root, "names", `${index}`);
    for (const file of readdirSync(folder, { recursive: true, encoding: "utf8" }).filter((name) =>
      name.endsWith(".html"),
    )) {
      const page = readFileSync(path.join(folder, file), "utf8");
      const [head] = page.split("<style>");
      const [, data] = page.match(/id="report-data">(.*)<\/script>/)!;
      expect([head, ...textsOf(JSON.parse(data!))].filter((text) => plainText(text!) !== text)).toEqual([]);
      pages += 1;
    }
  }
  expect(pages).toBe(isNightly ? 40 : 5);
});

it("texts for numbers are refused with their place", { tags: ["slow"], timeout: TIMEOUT_MS }, () => {
  const attacks = textsInRuns(files);
  expect(attacks.length).toBeGreaterThan(15);
  return withstand(root, "numbers", attacks);
});
