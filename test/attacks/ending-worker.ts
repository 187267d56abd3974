// A program: `node ending-worker.mjs ADDON WHAT DELAY`. A worker thread has the addon at work, and is ended by the main
// thread some milliseconds later.
import { setTimeout as wait } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { isMainThread, parentPort, Worker, workerData } from "node:worker_threads";
import { bindings, loadAddon, makeVictim } from "./addon-victim.ts";

const [, , path, what, delay] = process.argv;

function work(addonPath: string, kind: string): void {
  const addon = loadAddon(addonPath);
  const { runtime, device, program } = makeVictim(addon);
  addon.keepAlive(runtime, true);
  if (kind === "runs") {
    const put = (): void => {
      for (let id = 0; id < 50; id++) addon.enqueueRun(device, id, [], -1, program, bindings());
    };
    put();
    setInterval(() => {
      put();
      addon.drain(runtime);
    }, 0);
  }
  const size = 1500;
  const pack = (): Promise<number> =>
    addon.packMatrix(device, "large", size, size, new Float32Array(size * size), true, "nf4", "", 1, false);
  if (kind === "packing") pack().then(pack, () => {});
  if (kind === "arenas") addon.prepareArena(device, 64e6).catch(() => {});
}

if (isMainThread) {
  const worker = new Worker(fileURLToPath(import.meta.url), { workerData: { path, what } });
  await new Promise((resolve) => worker.once("message", resolve));
  await wait(Number(delay));
  await worker.terminate();
  process.stdout.write("the process goes on\n");
} else {
  const given = workerData as { readonly path: string; readonly what: string };
  work(given.path, given.what);
  parentPort!.postMessage("at work");
}
