import { writeFileSync } from "node:fs";
import path from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { quantile } from "../../core/index.ts";
import { sceneRequest, simulateRequest } from "../../explorer/answer-scene.ts";
import { firstSteps, stepShare } from "../../explorer/first-estimate.ts";
import { CLUSTER_FILE, WORKLOAD_FILE } from "../../explorer/scene-documents.ts";
import { sceneHash } from "../../explorer/scene-hash.ts";
import { printed, temporaryFolder } from "../cli/run-cli.ts";
import { changing, createExplorerBench, type ExplorerBench, type OpenExplorer, wholeAnswer } from "./explorer-page.ts";
import { changedScene, SCENES } from "./scenes.ts";

const root = temporaryFolder();
let bench: ExplorerBench;
let explorer: OpenExplorer;

beforeAll(async () => {
  bench = await createExplorerBench();
  explorer = await bench.open({ hash: sceneHash(changedScene({ jobs: [{ steps: 3 }] })) });
}, 120_000);

afterAll(() => bench.close());

/** What the command line prints for the files and the command that the page shows. */
async function commandLine({ page }: OpenExplorer): Promise<string> {
  const textOf = async (selector: string): Promise<string> => (await page.locator(selector).textContent())!;
  writeFileSync(path.join(root, WORKLOAD_FILE), await textOf("#workload-text pre"));
  writeFileSync(path.join(root, CLUSTER_FILE), await textOf("#cluster-text pre"));
  const command = await page.locator(".command code").first().textContent();
  return printed(command!.split(" ").slice(1), root);
}

async function showScene({ page }: OpenExplorer, hash: string): Promise<void> {
  await changing(page, () => page.evaluate(`location.hash = "#${hash}"`));
  await wholeAnswer(page);
}

async function set({ page }: OpenExplorer, id: string, value: string): Promise<void> {
  const field = page.locator(`#${id}`);
  if ((await field.evaluate(({ tagName }) => tagName)) === "SELECT") await field.selectOption(value);
  else await field.fill(value);
}

describe("the numbers of the page", () => {
  it.each(SCENES)(
    "are those of the command line to the last digit: %s",
    async (_, scene) => {
      await showScene(explorer, sceneHash(scene));
      const shown = await explorer.page.locator("#figures-json pre").textContent();
      expect(`${shown}\n`).toBe(await commandLine(explorer));
    },
    120_000,
  );

  it("follow the inputs, and so do the address, the files and the command", async () => {
    const { page } = explorer;
    await showScene(explorer, sceneHash(changedScene()));
    await changing(page, () => set(explorer, "machines-0-count", "3"));
    await changing(page, () => set(explorer, "scene-schedule", "1f1b"));
    await changing(page, () => set(explorer, "jobs-0-rank", "32"));
    await wholeAnswer(page);
    const expected = changedScene({ machines: [{ count: 3 }], schedule: "1f1b", jobs: [{ rank: 32 }] });
    expect(new URL(page.url()).hash).toBe(`#${sceneHash(expected)}`);
    expect(await page.locator(".command code").first().textContent()).toContain("--schedule 1f1b");
    expect(`${await page.locator("#figures-json pre").textContent()}\n`).toBe(await commandLine(explorer));
    await page.reload();
    await wholeAnswer(page);
    expect(await page.locator("#jobs-0-rank").inputValue()).toBe("32");
  }, 60_000);

  it("of one more GPU are those of the scene that has it, with its price", async () => {
    const { page } = explorer;
    await showScene(explorer, sceneHash(changedScene({ pricePerHour: 2 })));
    const card = page.locator(".card").filter({ hasText: "One more GPU" });
    await card.filter({ hasText: "costs" }).waitFor();
    const said = await card.locator(".card-detail").textContent();
    await showScene(explorer, sceneHash(changedScene({ pricePerHour: 2, machines: [{ count: 5 }] })));
    const figure = (name: string) =>
      page.locator(".card").filter({ hasText: name }).locator(".card-main").textContent();
    expect(said).toContain(`${await figure("Time")}, ${await figure("Tokens per second")} tokens/s`);
    expect(said).toContain(`costs ${await figure("Cost of the run")}`);
  }, 60_000);
});

/** The part of a processor's time that a program gets that wants all of it. */
function processorShare(): number {
  const [start, before] = [performance.now(), process.cpuUsage()];
  while (performance.now() - start < 30);
  const { user, system } = process.cpuUsage(before);
  return Math.min(1, (user + system) / 1000 / (performance.now() - start));
}

/** The fastest of some first plans of a scene in this process, where the page was measured. */
const REFERENCE_MS = 18;

/** How many times as long as there this machine takes at its fastest, at least once. */
function slowness(): number {
  const scene = changedScene({ schedule: "1f1b", pipelines: 1, groups: "unfused", recompute: "none" });
  const times = Array.from({ length: 30 }, () => {
    const start = performance.now();
    simulateRequest(firstSteps(sceneRequest(scene), stepShare(scene)));
    return performance.now() - start;
  });
  return Math.max(1, Math.min(...times) / REFERENCE_MS);
}

describe("the first answer", () => {
  const CHANGES: readonly (readonly [id: string, value: string])[] = [
    ...["3", "5", "6", "2", "4"].map((count) => ["machines-0-count", count] as const),
    ...["1f1b", "gpipe", "lorapp", "auto"].map((schedule) => ["scene-schedule", schedule] as const),
    ...["6", "3", "5", "4"].map((copies) => ["jobs-0-copies", copies] as const),
    ...["64", "16"].map((rank) => ["jobs-0-rank", rank] as const),
    ...["200", "350", "300"].map((tokens) => ["jobs-0-tokens", tokens] as const),
    ...["20", "80", "50"].map((steps) => ["jobs-0-steps", steps] as const),
    ...["1", "2", "auto"].map((count) => ["scene-pipelines", count] as const),
    ...["layer", "none", "auto"].map((recompute) => ["scene-recompute", recompute] as const),
    ...["2", "4", "none", "auto"].map((limit) => ["scene-maxInFlight", limit] as const),
    ...["nf4", "float32", "bfloat16"].map((dtype) => ["scene-dtype", dtype] as const),
    ...["L40S", "A100 SXM 80", "RTX A6000"].map((type) => ["machines-0-type", type] as const),
    ...["unfused", "auto", "unfused"].map((groups) => ["scene-groups", groups] as const),
  ];

  // Other programs share the processors of a machine that tests run on: what they take of the time is taken out, and of
  // each change the quickest of some rounds counts. A machine that plans more slowly is given as many times as long.
  it(`to one of ${CHANGES.length} changes is painted within 100 ms, 95 of 100 times`, async () => {
    const { page } = explorer;
    const quickest = CHANGES.map(() => Number.POSITIVE_INFINITY);
    const most = 100 * slowness();
    for (let round = 0; round < 3 && !(quantile(quickest, 0.95) < most); round += 1) {
      await showScene(explorer, sceneHash(changedScene({ jobs: [{ steps: 40 + round }] })));
      for (const [index, [id, value]] of CHANGES.entries()) {
        const share = processorShare();
        const milliseconds = share * (await changing(page, () => set(explorer, id, value)));
        quickest[index] = Math.min(quickest[index]!, milliseconds);
        await wholeAnswer(page);
      }
    }
    expect(quantile(quickest, 0.95)).toBeLessThan(most);
  }, 400_000);
});

describe("a page that a person uses", () => {
  it("is changed and read with the keyboard alone, and says what changed", async () => {
    const { page } = explorer;
    await showScene(explorer, sceneHash(changedScene()));
    await page.locator("#preset").focus();
    for (let presses = 0; presses < 20; presses += 1) {
      if ((await page.evaluate("document.activeElement.id")) === "machines-0-count") break;
      await page.keyboard.press("Tab");
    }
    const before = await page.locator("[role=status].strip").textContent();
    await changing(page, () => page.keyboard.press("ArrowUp"));
    await wholeAnswer(page);
    expect(await page.evaluate("document.activeElement.id")).toBe("machines-0-count");
    expect(await page.locator("#machines-0-count").inputValue()).toBe("5");
    expect(await page.locator("[role=status].strip").textContent()).not.toBe(before);
    await page.locator("svg.timeline").focus();
    await page.keyboard.press("ArrowRight");
    expect(await page.locator("#timeline [aria-live]").textContent()).toMatch(/^0F0 on d0$/);
    await page.locator("#actions summary").focus();
    await page.keyboard.press("Enter");
    await page.locator("#actions tbody tr").first().waitFor();
    expect(await page.locator("#actions tbody tr").first().textContent()).toMatch(/^0F0d0kind0-1/);
  }, 60_000);

  it("has a label on every input", async () => {
    const unnamed = await explorer.page
      .locator("input, select")
      .evaluateAll((all) =>
        all
          .filter((each) => (each as unknown as { labels: ArrayLike<unknown> }).labels.length !== 1)
          .map(({ id }) => id),
      );
    expect(unnamed).toEqual([]);
  });

  it("adds and removes machines and kinds of adapters, and keeps the focus where it goes on", async () => {
    const { page } = explorer;
    await showScene(explorer, sceneHash(changedScene()));
    await changing(page, () => page.getByRole("button", { name: "Add a machine" }).click());
    expect(await page.evaluate("document.activeElement.id")).toBe("machines-1-type");
    expect(await page.locator("#scene-networkGigabits").isVisible()).toBe(true);
    await changing(page, () => page.getByRole("button", { name: "Add a kind of adapters" }).click());
    expect(await page.locator("#jobs-1-name").inputValue()).toBe("job2");
    await changing(page, () => page.getByRole("button", { name: "Remove Machine 2" }).click());
    await wholeAnswer(page);
    expect(await page.locator(".stages tbody tr").count()).toBe(4);
    expect(`${await page.locator("#figures-json pre").textContent()}\n`).toBe(await commandLine(explorer));
  }, 60_000);

  it("says what is wrong with an input, and what does not fit", async () => {
    const { page } = explorer;
    await showScene(explorer, sceneHash(changedScene()));
    await set(explorer, "jobs-0-rank", "0");
    expect(await page.locator("#jobs-0-rank").getAttribute("aria-invalid")).toBe("true");
    expect(await page.locator("#jobs-0-rank-problem").textContent()).toBe("Expected a whole number from 1 to 1024.");
    await changing(page, () => set(explorer, "jobs-0-rank", "8"));
    await changing(page, () => set(explorer, "scene-model", "llama-2-70b"));
    await changing(page, () => set(explorer, "machines-0-count", "1"));
    await page.locator("div.fault:not([hidden])").waitFor();
    expect(await page.locator("div.fault").textContent()).toMatch(/^Expected .*memory/);
    await changing(page, () => set(explorer, "scene-model", "tinyllama-1.1b"));
    expect(await page.locator("div.fault").isHidden()).toBe(true);
  }, 60_000);

  it.each(["2.W10", "1.%%", "<img src=x onerror=alert(1)>", "1.W1sxXSxbXSxbXV0"])(
    "says that the address %s is broken, and shows the first scene",
    async (hash) => {
      const { page, faults } = await bench.open({ hash });
      expect(await page.locator("p.fault").textContent()).toMatch(/^Expected .* The first scene is shown instead\.$/);
      expect(await page.locator("#scene-model").inputValue()).toBe("llama-2-7b");
      expect(faults).toEqual([]);
      await page.context().close();
    },
    60_000,
  );

  it.each(
    [420, 900, 1440, 1920].flatMap((width) => (["light", "dark"] as const).map((theme) => [width, theme] as const)),
  )(
    "is no wider than a window of %i pixels, %s",
    async (width, theme) => {
      const { page, faults } = await bench.open({ width, theme });
      const over = await page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth");
      expect(over).toBeLessThanOrEqual(0);
      expect(faults).toEqual([]);
      await page.context().close();
    },
    60_000,
  );

  it("asks for nothing, and has no faults, after all of this", () => {
    const { faults, requests } = explorer;
    expect(faults).toEqual([]);
    expect(requests.filter((address) => !/^(file|data|blob):/.test(address))).toEqual([]);
  });
});
