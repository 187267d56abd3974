// @module-tag slow
import { writeFileSync } from "node:fs";
import path from "node:path";
import { describe, expect, it } from "vitest";
import { paperCalibration } from "../../explorer/paper-calibration.ts";
import { CALIBRATION_FILE, CLUSTER_FILE, WORKLOAD_FILE } from "../../explorer/scene-documents.ts";
import { sceneHash } from "../../explorer/scene-hash.ts";
import { formatDuration } from "../../reports/client/format.ts";
import { printed, temporaryFolder } from "../cli/run-cli.ts";
import { isNightly, someOf } from "../level.ts";
import { changing, enter, type OpenExplorer, showScene, useExplorer, wholeAnswer } from "./explorer-page.ts";
import { changedScene, SCENES } from "./scenes.ts";

const root = temporaryFolder();
const used = useExplorer();

/** Writes a file that the page shows. */
async function writeShown({ page }: OpenExplorer, name: string, selector: string): Promise<void> {
  writeFileSync(path.join(root, name), (await page.locator(`${selector} pre`).textContent())!);
}

/** What the command line prints for the files and the command that the page shows. */
async function commandLine(explorer: OpenExplorer): Promise<string> {
  const { page } = explorer;
  await writeShown(explorer, WORKLOAD_FILE, "#workload-text");
  await writeShown(explorer, CLUSTER_FILE, "#cluster-text");
  const save = page.getByRole("button", { name: `Save ${CALIBRATION_FILE}` });
  if ((await save.count()) > 0) {
    const [file] = await Promise.all([page.waitForEvent("download"), save.click()]);
    await file.saveAs(path.join(root, CALIBRATION_FILE));
  }
  const command = await page.locator(".command code").first().textContent();
  return printed(command!.split(" ").slice(1), root);
}

describe("the numbers of the page", () => {
  it.each(someOf(SCENES, { quick: 2, all: 7 }))(
    "are those of the command line to the last digit: %s",
    async (_, scene) => {
      await showScene(used.explorer, sceneHash(scene));
      const shown = await used.explorer.page.locator("#figures-json pre").textContent();
      expect(`${shown}\n`).toBe(await commandLine(used.explorer));
    },
    120_000,
  );

  it("follow the inputs, and so do the address, the files and the command", async () => {
    const { page } = used.explorer;
    await showScene(used.explorer, sceneHash(changedScene()));
    await changing(page, () => enter(used.explorer, "machines-0-count", "3"));
    await changing(page, () => enter(used.explorer, "scene-schedule", "1f1b"));
    await changing(page, () => enter(used.explorer, "jobs-0-rank", "32"));
    await wholeAnswer(page);
    const expected = changedScene({ machines: [{ count: 3 }], schedule: "1f1b", jobs: [{ rank: 32 }] });
    expect(new URL(page.url()).hash).toBe(`#${sceneHash(expected)}`);
    expect(await page.locator(".command code").first().textContent()).toContain("--schedule 1f1b");
    expect(`${await page.locator("#figures-json pre").textContent()}\n`).toBe(await commandLine(used.explorer));
    await page.reload();
    await wholeAnswer(page);
    expect(await page.locator("#jobs-0-rank").inputValue()).toBe("32");
  }, 60_000);

  it("are those of a calibration file that a person chooses, which the address does not have", async () => {
    const { page } = used.explorer;
    await showScene(used.explorer, sceneHash(changedScene()));
    const file = path.join(root, "mine.json");
    writeFileSync(file, paperCalibration().replace(/"launchSeconds": [^,]+/, '"launchSeconds": 0.01'));
    await changing(page, () => page.locator("#calibration-file").setInputFiles(file));
    await wholeAnswer(page);
    expect(await page.locator("#scene-calibration").inputValue()).toBe("own");
    expect(`${await page.locator("#figures-json pre").textContent()}\n`).toBe(await commandLine(used.explorer));
    const opened = await used.bench.open({ hash: new URL(page.url()).hash.slice(1), waits: false });
    await opened.page.locator("div.fault:not([hidden])").waitFor();
    expect(await opened.page.locator("div.fault").textContent()).toMatch(/^Expected a calibration file at Times/);
    await enter(opened, "scene-calibration", "catalog");
    await wholeAnswer(opened.page);
    await opened.page.context().close();
    await changing(page, () => enter(used.explorer, "scene-calibration", "catalog"));
    expect(await page.locator(".command code").first().textContent()).not.toContain("--calibration");
    const other = path.join(root, "no-calibration.yaml");
    writeFileSync(other, "kind: calibration\n");
    await page.locator("#calibration-file").setInputFiles(other);
    await page.locator("div.fault:not([hidden])").waitFor();
    expect(await page.locator("div.fault").textContent()).toContain(CALIBRATION_FILE);
    await changing(page, () => enter(used.explorer, "scene-calibration", "catalog"));
    expect(await page.locator("div.fault").isHidden()).toBe(true);
  }, 60_000);

  it("of one more GPU are those of the scene that has it, with its price", async () => {
    const { page } = used.explorer;
    await showScene(used.explorer, sceneHash(changedScene({ pricePerHour: 2 })));
    const card = page.locator(".card").filter({ hasText: "One more GPU" });
    await card.filter({ hasText: "costs" }).waitFor();
    const said = await card.locator(".card-detail").textContent();
    await showScene(used.explorer, sceneHash(changedScene({ pricePerHour: 2, machines: [{ count: 5 }] })));
    const figure = (name: string) =>
      page.locator(".card").filter({ hasText: name }).locator(".card-main").textContent();
    expect(said).toContain(`${await figure("Time")}, ${await figure("Tokens per second")} tokens/s`);
    expect(said).toContain(`costs ${await figure("Cost of the run")}`);
  }, 60_000);
});

describe("two ways side by side", () => {
  it.each([
    ["rows cut as they say", {}, "pipeline"],
    ["rows that the planner cuts", { jobs: [{ microBatchSize: 0, steps: 4 }], machines: [{ count: 3 }] }, "pipeline"],
    ["one that is simulated only", { calibration: "paper" }, "fsdp"],
    ["two of them", { schedule: "zb-h1" }, "tp"],
  ] as const)(
    "are compared by causes as the command line compares their plans, under one time axis: %s",
    async (_, change, chosen) => {
      const { explorer } = used;
      const { page } = explorer;
      await showScene(explorer, sceneHash(changedScene(change)));
      await page.locator("button.way").filter({ hasText: chosen }).last().click();
      await page.locator("#ways svg.timeline").nth(1).waitFor();
      expect(await page.locator("#ways svg.time-axis").count()).toBe(1);
      await writeShown(explorer, WORKLOAD_FILE, "#workload-text");
      await writeShown(explorer, CLUSTER_FILE, "#cluster-text");
      writeFileSync(path.join(root, CALIBRATION_FILE), paperCalibration());
      const own = page.locator("details[id$='.yaml-text']");
      for (const id of await own.evaluateAll((nodes) => nodes.map((node) => node.id)))
        await writeShown(explorer, id.replace("-text", ""), `[id="${id}"]`);
      const commands = await page.locator("#ways .command code").allTextContents();
      const outputs: string[] = [];
      for (const command of commands) outputs.push(await printed(command.split(" ").slice(1), root));
      expect(`${await page.locator("#ways-json pre").textContent()}\n`).toBe(outputs.at(-1));
      const { makespan, causes } = JSON.parse(outputs.at(-1)!);
      const rows = page.locator("#ways tbody tr");
      expect(await rows.count()).toBe(causes.length + 1);
      expect(await rows.last().textContent()).toContain(formatDuration(makespan.ns[1] / 1e9));
    },
    120_000,
  );

  it("draw their critical paths where a person wants them, and say what would shorten the runs", async () => {
    const { page } = used.explorer;
    await showScene(used.explorer, sceneHash(changedScene({ pipelines: 1 })));
    expect(await page.locator("#timeline .path-over").count()).toBe(0);
    await page.locator("#critical-path").check();
    expect(await page.locator("#timeline .path-over").count()).toBe(1);
    expect(await page.locator("#timeline .path-lists").textContent()).toMatch(/products on d\d: .*save at most/);
    await page.locator("button.way").first().click();
    await page.locator("#ways .path-over").nth(1).waitFor();
    await page.locator("#critical-path").uncheck();
    expect(await page.locator("#timeline .path-lists").isHidden()).toBe(true);
  }, 60_000);

  it("are any two that a person chooses, and a way that cannot be says why and leaves the choice", async () => {
    const { page } = used.explorer;
    await showScene(used.explorer, sceneHash(changedScene({ jobs: [{ batchSize: 6, microBatchSize: 2 }] })));
    await page.locator("button.way").filter({ hasText: "tp" }).click();
    await page.locator("#ways svg.timeline").nth(1).waitFor();
    await page.locator("#way-a").selectOption({ label: "zb-h1" });
    await page.locator("#ways h3").filter({ hasText: "A: zb-h1, simulated only" }).waitFor();
    expect(await page.locator("#ways h3").filter({ hasText: "B: tp, simulated only" }).count()).toBe(1);
    expect(await page.locator("#way-a:focus").count()).toBe(1);
    await page.locator("#way-b").selectOption({ label: "fsdp" });
    await page.locator(".ways .note").filter({ hasText: "a multiple of 4 devices for fsdp" }).waitFor();
    await page.locator("#way-b").selectOption({ label: "interleaved" });
    await page.locator(".ways .note").filter({ hasText: "for interleaved" }).waitFor();
    await page.locator("#way-b").selectOption({ index: 0 });
    await page.locator("#ways svg.timeline").nth(1).waitFor();
  }, 60_000);
});

describe("a page that a person uses", () => {
  it("is changed and read with the keyboard alone, and says what changed", async () => {
    const { page } = used.explorer;
    await showScene(used.explorer, sceneHash(changedScene()));
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

  it("keeps the focus in what follows a change", async () => {
    const { page } = used.explorer;
    const focused = () => page.evaluate("document.activeElement.textContent || document.activeElement.tagName");
    await showScene(used.explorer, sceneHash(changedScene()));
    const later = changedScene({ jobs: [{ rank: 24 }] });
    for (const [selector, text] of [
      ["#share .toolbar button >> nth=0", "Copy the address"],
      ["#timeline .toolbar button >> text=Whole run", "Whole run"],
      ["#cluster-text summary", CLUSTER_FILE],
      ["#figures-json summary", "Every figure, as the command prints it"],
      ["svg.timeline", undefined],
    ] as const) {
      await page.locator(selector).focus();
      const before = await focused();
      if (text !== undefined) expect(before).toBe(text);
      await showScene(used.explorer, sceneHash(before === text ? later : changedScene()));
      const isSvg = text === undefined;
      expect(await page.evaluate(isSvg ? "document.activeElement.tagName" : "document.activeElement.textContent")).toBe(
        isSvg ? "svg" : text,
      );
      await showScene(used.explorer, sceneHash(changedScene({ jobs: [{ rank: 12 }] })));
    }
  }, 60_000);

  it("goes back and forward over the scenes that a person has seen", async () => {
    const { page } = used.explorer;
    await showScene(used.explorer, sceneHash(changedScene()));
    await changing(page, () => enter(used.explorer, "machines-0-count", "3"));
    await changing(page, () => enter(used.explorer, "scene-schedule", "1f1b"));
    const value = (id: string) => page.locator(`#${id}`).inputValue();
    await changing(page, () => page.goBack());
    expect([await value("machines-0-count"), await value("scene-schedule")]).toEqual(["3", "auto"]);
    await changing(page, () => page.goBack());
    expect(await value("machines-0-count")).toBe("4");
    await changing(page, () => page.goForward());
    expect(await value("machines-0-count")).toBe("3");
    await wholeAnswer(page);
  }, 60_000);

  it("shows 32 adapters on 32 GPUs on one screen", async () => {
    const scene = changedScene({ machines: [{ count: 32 }], jobs: [{ copies: 32, steps: 1, batchSize: 2 }] });
    const { page } = await used.bench.open({ hash: sceneHash(scene) });
    const heights = await Promise.all(
      ["#timeline .panel", "#stages"].map(async (part) => (await page.locator(part).first().boundingBox())!.height),
    );
    expect(heights[0]).toBeLessThan(860);
    expect(heights[1]).toBeLessThan(200);
    expect(await page.locator("#timeline .device-name").count()).toBe(32);
    await page.context().close();
  }, 120_000);

  it("shows the picture first on a phone, and the inputs below it when they are asked for", async () => {
    const { page } = await used.bench.open({ width: 420, hash: sceneHash(changedScene()) });
    expect((await page.locator(".cards").boundingBox())!.y).toBeLessThan(450);
    expect(await page.locator("#scene-model").isVisible()).toBe(false);
    await page.locator(".sheet-button").click();
    const box = (await page.locator("#controls").boundingBox())!;
    expect(box.y).toBeGreaterThanOrEqual(390);
    await changing(page, () => page.locator("#machines-0-count").fill("2"));
    await page.locator("#machines-0-count").press("Escape");
    expect(await page.locator("#scene-model").isVisible()).toBe(false);
    await page.context().close();
  }, 60_000);

  it("has a label on every input", async () => {
    const unnamed = await used.explorer.page
      .locator("input, select")
      .evaluateAll((all) =>
        all
          .filter((each) => (each as unknown as { labels: ArrayLike<unknown> }).labels.length !== 1)
          .map(({ id }) => id),
      );
    expect(unnamed).toEqual([]);
  });

  it("adds and removes machines and kinds of adapters, and keeps the focus where it goes on", {
    tags: ["nightly"],
    timeout: 60_000,
  }, async () => {
    const { page } = used.explorer;
    await showScene(used.explorer, sceneHash(changedScene()));
    await changing(page, () => page.getByRole("button", { name: "Add a machine" }).click());
    expect(await page.evaluate("document.activeElement.id")).toBe("machines-1-type");
    expect(await page.locator("#scene-networkGigabits").isVisible()).toBe(true);
    await changing(page, () => page.getByRole("button", { name: "Add a kind of adapters" }).click());
    expect(await page.locator("#jobs-1-name").inputValue()).toBe("job2");
    await changing(page, () => page.getByRole("button", { name: "Remove Machine 2" }).click());
    await wholeAnswer(page);
    expect(await page.locator(".stages tbody tr").count()).toBe(4);
    expect(`${await page.locator("#figures-json pre").textContent()}\n`).toBe(await commandLine(used.explorer));
  });

  it("says what is wrong with an input, and what does not fit", async () => {
    const { page } = used.explorer;
    await showScene(used.explorer, sceneHash(changedScene()));
    await enter(used.explorer, "jobs-0-rank", "0");
    expect(await page.locator("#jobs-0-rank").getAttribute("aria-invalid")).toBe("true");
    expect(await page.locator("#jobs-0-rank-problem").textContent()).toBe("Expected a whole number from 1 to 1024.");
    const [fault, cards] = [page.locator("div.fault"), page.locator(".figures.is-old")];
    expect(await fault.textContent()).toBe('Expected a whole number from 1 to 1024 at Rank, got "0".');
    expect(await cards.count()).toBe(1);
    await enter(used.explorer, "machines-0-count", "3");
    expect(await fault.textContent()).toContain("at Rank");
    await changing(page, () => enter(used.explorer, "jobs-0-rank", "8"));
    expect(await cards.count()).toBe(0);
    await changing(page, () => enter(used.explorer, "scene-model", "llama-2-70b"));
    await changing(page, () => enter(used.explorer, "machines-0-count", "1"));
    await page.locator("div.fault:not([hidden])").waitFor();
    expect(await page.locator("div.fault").textContent()).toMatch(/^Expected .*memory/);
    await changing(page, () => enter(used.explorer, "scene-model", "tinyllama-1.1b"));
    expect(await page.locator("div.fault").isHidden()).toBe(true);
  }, 60_000);

  it.each(someOf(["1.W10", "3.%%", "<img src=x onerror=alert(1)>", "3.W1sxXSxbXSxbXV0"], { quick: 1, all: 1 }))(
    "says that the address %s is broken, and shows the first scene",
    async (hash) => {
      const { page, faults } = await used.bench.open({ hash });
      expect(await page.locator("p.fault").textContent()).toMatch(/^Expected .* The first scene is shown instead\.$/);
      expect(await page.locator("#scene-model").inputValue()).toBe("llama-2-7b");
      expect(faults).toEqual([]);
      await page.context().close();
    },
    60_000,
  );

  const windows = (isNightly ? [420, 900, 1440, 1920] : [420, 900, 1440]).flatMap((width, index) =>
    (isNightly ? (["light", "dark"] as const) : [(["light", "dark"] as const)[index % 2]!]).map(
      (theme) => [width, theme] as const,
    ),
  );

  it.each(windows)(
    "is no wider than a window of %i pixels, %s",
    async (width, theme) => {
      const { page, faults } = await used.bench.open({ width, theme });
      const over = await page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth");
      expect(over).toBeLessThanOrEqual(0);
      expect(faults).toEqual([]);
      await page.context().close();
    },
    60_000,
  );

  it("asks for nothing, and has no faults, after all of this", () => {
    const { faults, requests } = used.explorer;
    expect(faults).toEqual([]);
    expect(requests.filter((address) => !/^(file|data|blob):/.test(address))).toEqual([]);
  });
});
