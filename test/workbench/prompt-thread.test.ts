import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { pathToFileURL } from "node:url";
import { afterAll, describe, expect, it } from "vitest";
import { type AskedPrompt, initModel } from "../../datasets/index.ts";
import { packageFile } from "../../files/index.ts";
import { PromptThread } from "../../workbench/index.ts";

/** What `npm run build` made of workbench/worker.ts. */
const file = pathToFileURL(packageFile("dist", "workbench", "worker.js"));
const root = mkdtempSync(path.join(tmpdir(), "loratwin-prompts-"));
afterAll(() => rmSync(root, { recursive: true, force: true }));
const folder = path.join(root, "model");
initModel({ folder, hiddenSize: 16, layers: 1, heads: 2, seed: 1 });

const ENDLESS =
  "{% for m in messages %}{{ m.content }}{% if 'loop' in m.content %}" +
  "{% for a in range(1000000) %}{% for b in range(1000000) %}{% endfor %}{% endfor %}{% endif %}{% endfor %}";

function asked(content: string): AskedPrompt {
  return { kind: "chat", messages: [{ role: "user", content }], template: ENDLESS };
}

describe("prompts on a thread", { tags: ["slow"], timeout: 120_000 }, () => {
  it("are refused where a template takes too long, while others go on and later ones are made", async () => {
    await using thread = new PromptThread(folder, { file });
    expect(await thread.tokens(asked("a"))).toEqual([97]);
    let [turns, longest, last] = [0, 0, performance.now()];
    const timer = setInterval(() => {
      [turns, longest, last] = [turns + 1, Math.max(longest, performance.now() - last), performance.now()];
    }, 10);
    const [endless, behind] = await Promise.allSettled([thread.tokens(asked("loop")), thread.tokens(asked("b"))]);
    clearInterval(timer);
    expect(String((endless as PromiseRejectedResult).reason)).toContain("need less time for this prompt");
    expect(behind).toEqual({ status: "fulfilled", value: [98] });
    expect(turns).toBeGreaterThan(50);
    expect(longest).toBeLessThan(1000);
  });

  it("are broken off where whoever asked leaves", async () => {
    await using thread = new PromptThread(folder, { file });
    await thread.tokens(asked("a"));
    const gone = new AbortController();
    const endless = thread.tokens(asked("loop"), gone.signal);
    const started = performance.now();
    setTimeout(() => gone.abort(), 100);
    await expect(endless).rejects.toThrow("goes on until its work is done");
    expect(performance.now() - started).toBeLessThan(2000);
    expect(await thread.tokens(asked("c"))).toEqual([99]);
  });
});
