import { InputError } from "../../core/index.ts";
import type { Catalog } from "../documents/catalog.ts";
import { requireDeviceName } from "../documents/catalog-names.ts";
import { type Cluster, clusterSchema } from "../documents/cluster.ts";
import { checkFigures } from "../documents/read-document.ts";
import { THIS_MACHINE } from "./assign-cores.ts";
import { ABSTRACT } from "./resolve-cluster.ts";

/** Pipelines have at most a device for each of a model's layers, and there are some side by side. */
const MOST_DEVICES = 4096;

const LISTED = /^(?<base>[A-Za-z]+)(?:(?::(?<index>\d+)(?<share>#\d+)?)|(?:\s*\*\s*(?<count>\d+)))$/;

type Devices = Cluster["machines"][number]["devices"];

/** `H100 SXM*4` or `H100 SXM`, of which there is one; undefined for a list and for what names nothing. */
export function countedType(item: string): { readonly type: string; readonly count: number } | undefined {
  const [type = "", count = "1", ...more] = item.split("*").map((part) => part.trim());
  const isOne = type !== "" && !type.includes(",") && /^\d+$/.test(count) && more.length === 0;
  return isOne ? { type, count: Number(count) } : undefined;
}

function refuse(item: string, hint: string): never {
  throw new InputError({
    expected: "devices such as cpu:0, cuda:1, unit*4 or 'H100 SXM*4', separated by commas",
    at: "--devices",
    got: item,
    hint,
  });
}

function checkCount(count: number, got: unknown): void {
  if (count < 1) throw new InputError({ expected: "at least one device", at: "--devices", got });
  if (count > MOST_DEVICES) throw new InputError({ expected: `at most ${MOST_DEVICES} devices`, at: "--devices", got });
}

/** Devices of this machine, or abstract ones; undefined where it names neither. */
function ownDevices(item: string): Devices | undefined {
  const groups = LISTED.exec(item)?.groups;
  const base = groups?.["base"]?.toLowerCase();
  const { index, count, share } = groups ?? {};
  if ((base !== "cpu" && base !== "cuda" && base !== ABSTRACT) || (base !== "cuda" && share !== undefined))
    return undefined;
  checkCount(Number(count ?? Math.max(1, Number(index))), item);
  const indices = count === undefined ? [Number(index)] : Array.from({ length: Number(count) }, (_, i) => i);
  return indices.map((i) =>
    base === ABSTRACT
      ? { name: `unit:${i}`, type: ABSTRACT }
      : base === "cpu"
        ? { name: `cpu:${i}`, type: "cpu", threads: 1 }
        : { name: `cuda:${i}${share ?? ""}`, type: "cuda" },
  );
}

/** GPUs of the catalog, which are simulated; undefined where no word is of one. */
function catalogTypes(item: string, catalog: Catalog): readonly string[] | undefined {
  const counted = countedType(item);
  // What names a device of a machine is none of the catalog.
  if (counted === undefined || /^(cpu|cuda|unit)(?![a-z])|:/i.test(counted.type)) return undefined;
  const { type, count } = counted;
  checkCount(count, item);
  return Array.from({ length: count }, () => requireDeviceName(catalog, type, "--devices"));
}

/** So many GPUs in one machine that is not here, with the link that the catalog knows for as many. */
function catalogCluster(types: readonly string[], catalog: Catalog): unknown {
  const entries = types.map((type) => catalog.devices[type]!);
  const isOneType = types.every((type) => type === types[0]);
  const { deviceLink, scaleUpDevices } = entries[0]!;
  const isLinked = isOneType && deviceLink !== undefined && types.length <= (scaleUpDevices?.value ?? 0);
  const link = isLinked
    ? { type: deviceLink.name, bandwidthBytesPerSecond: deviceLink.bytesPerSecond.value }
    : undefined;
  const devices = types.map((type, i) => ({ name: `gpu:${i}`, type }));
  return {
    kind: "cluster",
    version: 1,
    machines: [{ name: "gpus", devices, ...(link === undefined ? {} : { link }) }],
  };
}

/**
 * The cluster that `--devices cpu:0,cpu:1` or `--devices unit*4` stands for: this machine with those devices.
 * `cuda:0#0,cuda:0#1` share a GPU. `H100 SXM*4` stands for a machine elsewhere with GPUs of
 * the catalog, where one is given.
 * @throws InputError for a device that no list can name.
 */
export function clusterFromList(list: string, catalog?: Catalog): Cluster {
  const items = list.split(",").map((item) => item.trim());
  const own = items.map(ownDevices);
  if (own.every((each) => each !== undefined)) {
    const devices = own.flat();
    checkCount(devices.length, devices.length);
    return checkFigures(clusterSchema, { kind: "cluster", version: 1, machines: [{ name: THIS_MACHINE, devices }] });
  }
  const types = items.map((item) => (catalog === undefined ? undefined : catalogTypes(item, catalog)));
  const wrong = items.find((_, i) => own[i] === undefined && types[i] === undefined);
  if (wrong !== undefined)
    refuse(wrong, "`loratwin devices` lists those of this machine, `loratwin catalog` GPUs to simulate.");
  const mixed = items.find((_, i) => own[i] !== undefined);
  if (mixed !== undefined)
    refuse(
      mixed,
      "GPUs of the catalog are simulated, and stand in no list with others: a cluster file has room for both.",
    );
  const all = types.flatMap((each) => each!);
  checkCount(all.length, all.length);
  return checkFigures(clusterSchema, catalogCluster(all, catalog!));
}
