import { probedState } from "../../../calibration/index.ts";
import { mean, sum } from "../../../core/index.ts";
import { nativeInfo } from "../../../exec/index.ts";
import type { DeviceProbe, MachineProbe, MeasuredCalibration, MeasuredOperator } from "../../../plan/index.ts";
import { hostIdentity } from "../../../workbench/machine/host.ts";
import { blank, type FieldTable, optional, owner, under } from "./check-fields.ts";
import { above, all, HASH, is, matches, near, oneOf, SHARE, same, that, whole, within } from "./checks.ts";
import { DEVICES, type Pass } from "./small-pass.ts";
import { busyOf, speedOf } from "./trace-figures.ts";

const NOT_LINUX = "only Linux counts it";
const QUIET = "nothing else may have run";

/** How fast a machine can be: FLOP/s of a core's products, bytes/s of memory and of a core's own cache. */
export const FLOPS = within(1e8, 1e13);
export const BYTES_PER_SECOND = within(1e7, 1e13);

/** Of what a rate's repeats say of it. */
function rate(name: string, perSecond: FieldTable[string]): FieldTable {
  return { [`${name}.perSecond`]: perSecond, [`${name}.scatter`]: within(0, 10) };
}

function probedDevices(): FieldTable {
  const narrow = rate("bfloat16", FLOPS);
  return {
    device: same(({ steps }) => DEVICES[steps.at(-1) as number]),
    interrupted: blank(QUIET, SHARE),
    ...rate("float32", FLOPS),
    ...rate("memory", BYTES_PER_SECOND),
    ...Object.fromEntries(
      Object.entries(narrow).map(([path, check]) => [path, optional("not every processor has units for it", check)]),
    ),
  };
}

/** Probes of the machine, in order. `seconds`: from the first possible one to the last. */
export function probeFields([from, to]: readonly [number, number]): FieldTable {
  return {
    ...under("[].devices[].", probedDevices()),
    "[].devices": that("each device once", (value: readonly DeviceProbe[]) => value.length === DEVICES.length),
    "[].atSeconds": all(
      within(from, to),
      that("later than the probe before", (value: number, place) => {
        const probes = owner<readonly MachineProbe[]>(place, 1);
        const before = probes[(place.steps.at(-1) as number) - 1];
        return before === undefined || before.atSeconds < value;
      }),
    ),
  };
}

/** What the system counted. */
export function systemFields(): FieldTable {
  return {
    "system.steal": optional(NOT_LINUX, blank("its host may have nothing else to do", SHARE)),
    "system.otherPrograms": optional(NOT_LINUX, blank(QUIET, SHARE)),
    "system.loadBefore": optional(NOT_LINUX, blank(QUIET, within(0, 1e4))),
    "system.loadAfter": optional(NOT_LINUX, blank(QUIET, within(0, 1e4))),
  };
}

const FEATURE =
  /^(one|tokens|outputs|scored|flops|elements|weights|heads|rows|segments|work|cold|parameters|jobs)(>\d+)?$/;

function operatorFields({ operators }: MeasuredCalibration): FieldTable {
  const names = operators.map(({ operator }) => operator);
  return {
    "operators[].operator": all(
      matches(/^[a-zA-Z0-9_-]+(:\d+x\d+)?(:[FB])?$/),
      that("named once", (value: string) => names.indexOf(value) === names.lastIndexOf(value)),
    ),
    "operators[].coefficients.*": blank(
      "no feature may cost less than nothing",
      that(
        "at least 0, of a known feature",
        (value: number, { steps }) => value >= 0 && FEATURE.test(`${steps.at(-1)}`),
      ),
    ),
    "operators[].coefficients": that("something that takes time", (value: MeasuredOperator["coefficients"]) =>
      Object.values(value).some((each) => each > 0),
    ),
    "operators[].samples": whole(10, 1e5),
    "operators[].meanAbsError": above(0, 10),
    "operators[].residualSpread": above(0, 100),
  };
}

function letterFields(letter: "F" | "B" | "U", { holdOut }: MeasuredCalibration): FieldTable {
  const one = "with one point or one action nothing scatters";
  return {
    [`holdOut.letters.${letter}.points`]: whole(1, holdOut.points),
    [`holdOut.letters.${letter}.systematic`]: blank(one, within(0, 10)),
    [`holdOut.letters.${letter}.independent`]: blank(one, within(0, 100)),
  };
}

/** A calibration that was measured on this machine's CPU. */
export function calibrationFields({ calibration, began, ended }: Pass): FieldTable {
  const { cpuModel, isa, onednn } = nativeInfo();
  const clipped = "no action may take less than its operators";
  const day = (time: number): string => new Date(time).toISOString().slice(0, 10);
  const seconds = (ended - began) / 1e3;
  return {
    kind: is("calibration"),
    version: is(1),
    model: is("measured"),
    date: oneOf([day(began), day(ended)]),
    dtype: is("float32"),
    ...measuredFields(calibration),
    "device.type": is("cpu"),
    "device.description": is(`${cpuModel}, ${isa}, oneDNN ${onednn}`),
    "device.isa": is(isa),
    "device.threads": is(1),
    "device.devicesAtOnce": is(DEVICES.length),
    samplesHash: HASH,
    "actionSeconds.F": blank(clipped, within(0, 1e-3)),
    "actionSeconds.B": blank(clipped, within(0, 1e-3)),
    "actionSeconds.U": blank(clipped, within(0, 1e-3)),
    ...under("machine.probes", probeFields([0, seconds])),
    "machine.probes": that("four of them", (value: readonly unknown[]) => value.length === 4),
  };
}

/** What `calibrate --json` prints as well. */
function measuredFields(calibration: MeasuredCalibration): FieldTable {
  return {
    "aloneShare.F": above(0, 1),
    "aloneShare.B": above(0, 1),
    "aloneShare.U": above(0, 1),
    gapSeconds: blank("never negative", within(0, 1e-3)),
    "holdOut.points": whole(2, 1e5),
    "holdOut.meanAbsError": above(0, 10),
    "holdOut.p90AbsError": above(0, 10),
    ...letterFields("F", calibration),
    ...letterFields("B", calibration),
    ...letterFields("U", calibration),
    "link.latencySeconds": blank("a message may take no time that shows", within(0, 1e-3)),
    "link.secondsPerByte": blank("a message may take no time that shows", within(0, 1e-6)),
    "machine.host": all(matches(/^[0-9a-f]{16}$/), same(hostIdentity)),
    "machine.interrupted": blank(QUIET, within(0, 0.999)),
    "machine.ownInterrupted": blank(QUIET, within(0, 0.999)),
    "machine.speed.product": FLOPS,
    "machine.speed.copy": BYTES_PER_SECOND,
    "machine.states[].product": FLOPS,
    "machine.states[].interrupted": blank(QUIET, within(0, 0.999)),
    "machine.states[].switchesPerSecond": blank(QUIET, within(0, 1e6)),
    ...under("machine.", systemFields()),
    ...operatorFields(calibration),
  };
}

/** What `calibrate --json` prints. */
export function calibrateFields({ calibration }: Pass): FieldTable {
  const part = (key: keyof MeasuredCalibration) => same(() => calibration[key]);
  return {
    device: part("device"),
    holdOut: part("holdOut"),
    operators: part("operators"),
    link: part("link"),
    aloneShare: part("aloneShare"),
    gapSeconds: blank("never negative", part("gapSeconds")),
    machine: part("machine"),
  };
}

/** A line of the file in which this machine's speed is kept: that of the run. */
export function historyFields({ executed, began, ended }: Pass): FieldTable {
  const { devices, probes } = executed.otherData.machine!;
  const stages = DEVICES.map((_, stage) => stage);
  const before = () => probedState([probes.find(({ atSeconds }) => atSeconds < 0)!], "float32");
  return {
    "[].version": is(3),
    "[].type": is("cpu"),
    "[].time": that("a time of this test", (value: string) => began <= Date.parse(value) && Date.parse(value) <= ended),
    "[].host": same(hostIdentity),
    "[].dtype": is("float32"),
    "[].devices": is(DEVICES.length),
    "[].product": near(() => mean(stages.map((stage) => speedOf(executed, stage).product))),
    "[].interrupted": blank(
      QUIET,
      near(() => Math.min(0.999, mean(devices.map((device) => device.interrupted)))),
    ),
    "[].switchesPerSecond": blank(
      QUIET,
      near(() => {
        const own = sum(devices.map(({ interrupted }, stage) => busyOf(executed, stage) * (1 - interrupted)));
        return sum(devices.map(({ switches }) => switches)) / own;
      }, 1e-5),
    ),
    "[].probed.product": near(() => before().product),
    "[].probed.interrupted": blank(
      QUIET,
      near(() => before().interrupted),
    ),
  };
}
