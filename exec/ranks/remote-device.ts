import { InvariantError } from "../../core/index.ts";
import type { DeviceStatistics, Handle } from "../../native/index.ts";
import type { StageDevice } from "../stage-host.ts";
import type { RankLink } from "./rank-link.ts";
import type { StageReport } from "./rank-messages.ts";

export interface RemoteDeviceInput {
  readonly link: RankLink;
  readonly stage: number;
  readonly name: string;
  readonly statistics: DeviceStatistics;
  /** What puts tasks into its queues: it may concern other ranks too. */
  readonly enqueueing: Pick<StageDevice, "enqueueRun" | "enqueueUpdate" | "enqueueSend" | "enqueueFault">;
}

/** A stage's device on another rank. What it says of itself is what it said last. */
export interface RemoteDevice extends StageDevice {
  update(report: StageReport): void;
}

export function remoteDevice({ link, stage, name, statistics, enqueueing }: RemoteDeviceInput): RemoteDevice {
  let report: StageReport = { statistics, samples: [], products: undefined };
  let numPrograms = 0;
  let numAdapters = 0;
  const free: Handle[] = [];
  const bytes = new Map<Handle, number>();
  return {
    name,
    ...enqueueing,
    // Handles are numbered as the device numbers them, so that nobody waits for its answer.
    createProgram(operators) {
      link.tell({ kind: "program", stage, operators });
      numPrograms += 1;
      return numPrograms - 1;
    },
    createAdapter(entries, frozen = false) {
      const adapter = free.pop() ?? numAdapters++;
      void link.ask<"adapter">({ kind: "adapter", stage, adapter, entries, frozen }).then(
        (taken) => bytes.set(adapter, taken),
        () => {},
      );
      return adapter;
    },
    adapterBytes(adapter) {
      const taken = bytes.get(adapter);
      if (taken === undefined)
        throw new InvariantError({ expected: `bytes of adapter ${adapter} of ${name}`, got: "none" });
      return taken;
    },
    releaseAdapter(adapter) {
      link.tell({ kind: "release", stage, adapter });
      free.push(adapter);
    },
    writeAdapter: (adapter, part, data) => link.tell({ kind: "write", stage, adapter, part, data }),
    readAdapter: (adapter, part) => link.ask<"read">({ kind: "read", stage, adapter, part }),
    readArena: (offset, count) => link.ask<"arena">({ kind: "arena", stage, offset, count }),
    statistics: () => report.statistics,
    products: () => report.products,
    sampleSpeed: (dtype, everyNs) => link.tell({ kind: "sampleSpeed", stage, dtype, everyNs }),
    takeSpeedSamples() {
      const { samples } = report;
      report = { ...report, samples: [] };
      return samples;
    },
    update(next) {
      report = { ...next, samples: [...report.samples, ...next.samples] };
    },
  };
}
