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
  limitSeconds: 45,
  async run(context) {
    const program = builtProgram("gpu_bench");
    let peak: number | undefined;
    let bandwidth: number | undefined;
    const products = await context.run(program, ["products"], {
      onResult(line) {
        const { operations = 0, seconds } = line as Timed;
        peak = Math.max(peak ?? 0, operations / seconds);
        context.record({ ...line, flopsPerSecond: operations / seconds });
      },
    });
    if (products !== 0) context.note("The products could not be timed; floors count memory alone. The log says why.");
    const status = await context.run(program, ["kernels"], {
      onResult(line) {
        const { bytes = 0, operations = 0, seconds } = line as Timed;
        if (line["kind"] === "bandwidth") {
          bandwidth = bytes / seconds;
          context.record({ ...line, bytesPerSecond: bandwidth });
        } else if (bandwidth !== undefined) {
          const floorSeconds = Math.max(bytes / bandwidth, peak === undefined ? 0 : operations / peak);
          context.record({ ...line, floorSeconds, shareOfFloor: floorSeconds / seconds });
        }
      },
    });
    if (status !== 0) throw new Failed(`gpu_bench kernels: exit status ${status}`);
  },
};
