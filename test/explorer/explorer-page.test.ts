// @module-tag slow
import { writeFileSync } from "node:fs";
import path from "node:path";
import { describe, expect, it } from "vitest";
import { paperCalibration } from "../../explorer/paper-calibration.ts";
import { CALIBRATION_FILE, CLUSTER_FILE, WORKLOAD_FILE } from "../../explorer/scene-documents.ts";
import { sceneHash } from "../../explorer/scene-hash.ts";
import { printed, temporaryFolder } from "../cli/run-cli.ts";
import { isNightly, someOf } from "../level.ts";
import { changing, enter, type OpenExplorer, showScene, useExplorer, wholeAnswer } from "./explorer-page.ts";
import { changedScene, SCENES } from "./scenes.ts";

const root = temporaryFolder();
const used = useExplorer();

/** What the command line prints for the files and the command that the page shows. */
async function commandLine({ page }: OpenExplorer): Promise<string> {
  const textOf = async (selector: string): Promise<string> => (await page.locator(selector).textContent())!;
  writeFileSync(path.join(root, WORKLOAD_FILE), await textOf("#workload-text pre"));
  writeFileSync(path.join(root, CLUSTER_FILE), await textOf("#cluster-text pre"));
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
    await changing(page, () => enter(used.explorer, "jobs-0-rank", "8"));
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
