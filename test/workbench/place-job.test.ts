import { expect, it } from "vitest";
import type { z } from "zod";
import { pathSchema } from "../../plan/documents/path.ts";
import { jobSchema } from "../../plan/index.ts";
import { mapJobPaths, placeJob } from "../../workbench/index.ts";

it("a job's paths are those of its rows, held-out rows, templates and start, and nothing else", () => {
  const job = {
    data: { path: "rows.jsonl", chatTemplate: "own.jinja" },
    evaluation: { data: { path: "{{/held-out.jsonl", chatTemplate: "chatml" }, everySteps: 5 },
    adapter: { rank: 4, init: "hf:start" },
  };
  expect(placeJob(job, "/at")).toEqual({
    data: { path: "/at/rows.jsonl", chatTemplate: "/at/own.jinja" },
    evaluation: { data: { path: "/at/{{/held-out.jsonl", chatTemplate: "chatml" }, everySteps: 5 },
    adapter: { rank: 4, init: "/at/hf:start" },
  });
  const others = {
    data: { path: "hf:datasets/own/rows", chatTemplate: "{{ messages }}" },
    evaluation: { share: 0.1, data: null },
    adapter: null,
  };
  expect(placeJob(others, "/at")).toEqual(others);
  const sets = { data: { datasets: [{ path: "a.jsonl", weight: 2 }, { path: "hf:datasets/b/c" }] } };
  expect(placeJob(sets, "/at").data.datasets).toEqual([
    { path: "/at/a.jsonl", weight: 2 },
    { path: "hf:datasets/b/c" },
  ]);
  const places: string[] = [];
  mapJobPaths(sets, (name, at) => {
    places.push(at);
    return name;
  });
  expect(places).toEqual(["data.datasets[0].path"]);
});

/** An object with a path under each key whose schema is that of paths, of all forms that it may have at once. */
function pathsIn(schema: unknown): unknown {
  if (schema === pathSchema) return "named";
  const { def } = (schema as z.ZodType)._zod as unknown as { def: Record<string, unknown> };
  if (def["innerType"] !== undefined) return pathsIn(def["innerType"]);
  if (def["element"] !== undefined) {
    const each = pathsIn(def["element"]);
    return each === undefined ? undefined : [each];
  }
  const parts = Object.entries((def["shape"] as object | undefined) ?? {});
  const options = (def["options"] as readonly unknown[] | undefined) ?? [];
  const inside = parts.map(([key, part]) => [key, pathsIn(part)] as const).filter(([, found]) => found !== undefined);
  const forms = options.map(pathsIn).filter((found) => found !== undefined);
  if (inside.length > 0) return Object.fromEntries(inside);
  return forms.length > 1 ? Object.assign({}, ...forms) : forms[0];
}

it("every key whose schema is that of a path is known as one", () => {
  const named = pathsIn(jobSchema) as object;
  expect(named).toEqual({
    data: { path: "named", datasets: [{ path: "named" }] },
    evaluation: { data: { path: "named" } },
    adapter: { init: "named" },
  });
  expect(JSON.stringify(mapJobPaths(named, () => "changed"))).not.toContain("named");
});
