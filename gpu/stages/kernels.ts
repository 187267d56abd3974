import { builtProgram } from "../places.ts";
import { Failed, type Stage } from "../stage.ts";
import type { Result } from "../summary.ts";

interface Timed extends Result {
  readonly seconds: number;
  readonly bytes?: number;
  readonly operations?: number;
}

export const kernels: Stage = {
  describe: "time of every kernel beside its floor, and of the library's products",
  limitSeconds: 60,
  async run(context) {
    const program = builtProgram("gpu_bench");
    let peak: number | undefined;
    let bandwidth: number | undefined;
    const time = (part: string): Promise<number> =>
      context.run(program, [part], {
        onResult(line) {
          const { bytes = 0, operations = 0, seconds } = line as Timed;
          if (line["kind"] === "bandwidth") {
            bandwidth = bytes / seconds;
            context.record({ ...line, bytesPerSecond: bandwidth });
            return;
          }
          const rate = line["kind"] === "matmul" ? { flopsPerSecond: operations / seconds } : {};
          if (line["kind"] === "matmul") peak = Math.max(peak ?? 0, operations / seconds);
          if (bandwidth === undefined) return;
          const floorSeconds = Math.max(bytes / bandwidth, peak === undefined ? 0 : operations / peak);
          context.record({ ...line, ...rate, floorSeconds, shareOfFloor: floorSeconds / seconds });
        },
      });
    // Each in a process of its own, so that without cuBLASLt the kernels are timed all the same.
    const products = (await time("peaks")) === 0 && (await time("products")) === 0;
    if (!products) context.note("Not all products could be timed, so floors may count memory alone. The log says why.");
    const status = await time("kernels");
    if (status !== 0) throw new Failed(`gpu_bench kernels: exit status ${status}`);
  },
};
