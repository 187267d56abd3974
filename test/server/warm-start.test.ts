import { expect, it } from "vitest";
import type { Job } from "../../plan/index.ts";
import { checkSameForm } from "../../server/warm-start.ts";

const ADAPTER: Job["adapter"] = { rank: 4, alpha: 8, dropout: 0, targets: ["q_proj"] };
const from = { name: "base", adapter: ADAPTER };

it.each([
  { rank: 2 },
  { alpha: 3 },
  { targets: ["v_proj" as const] },
  { rslora: true },
  { dora: true },
  { rankPattern: { q_proj: 2 } },
])("a warm start with another adapter is refused: %o", (own) => {
  expect(() => checkSameForm(from, { name: "clone", adapter: { ...ADAPTER, ...own } })).toThrow(
    /the rank, alpha, targets and form of the adapter of job base for a warm start at overrides\.adapter/,
  );
});

it("a warm start may have another dropout, and is what it is instead of a folder", () => {
  for (const own of [{}, { dropout: 0.1 }, { init: "folder" }, { dora: undefined }])
    expect(() => checkSameForm(from, { name: "clone", adapter: { ...ADAPTER, ...own } })).not.toThrow();
});
