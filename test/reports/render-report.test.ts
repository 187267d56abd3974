import { describe, expect, it } from "vitest";
import { InputError } from "../../core/index.ts";
import { type ReportInput, renderReport } from "../../reports/index.ts";
import { syntheticInput } from "./synthetic-run.ts";

const assets = { script: "run('</script>')", style: "body{}" };
const input: ReportInput = syntheticInput({ steps: 4, fused: false });

describe("renderReport", () => {
  it("keeps titles, job names and code from ending the element that holds them", () => {
    const page = renderReport({ ...input, title: "</script><b>&", assets });
    expect(page).toContain("<title>&lt;/script&gt;&lt;b&gt;&amp;</title>");
    expect(page.match(/<\/script>/g)).toHaveLength(2);
  });

  it("forbids the page to load anything", () => {
    expect(renderReport({ ...input, assets })).toContain("default-src 'none'");
  });

  it("gives the same bytes whatever the order of the two traces", () => {
    const reversed = { ...input, traces: [...input.traces].reverse(), assets };
    expect(renderReport(reversed)).toBe(renderReport({ ...input, assets }));
  });

  it.each([
    ["no trace", []],
    ["three traces", [...input.traces, input.traces[0]!]],
    ["two executed traces", [input.traces[0]!, input.traces[0]!]],
    ["traces of two plans", [input.traces[0]!, { ...input.traces[1]!, planHash: "other" }]],
  ])("refuses %s", (_, traces) => {
    expect(() => renderReport({ ...input, traces, assets })).toThrow(InputError);
  });
});
