// Machines of a network of their own on this one: a network namespace each, joined by a bridge in one more, each direction
// of each link shaped at its sender. For root on Linux; nothing outside the namespaces is touched.
import { spawnSync } from "node:child_process";
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import path from "node:path";

/** A millisecond's bytes, which a link that was idle sends at once, and no fewer than a few Ethernet frames. */
const BURSTS = { "1gbit": "128kb", "100mbit": "16kb" } as const;

/** Of a link, as tc has it. */
export type LinkRate = keyof typeof BURSTS;

function system(command: string, ...args: readonly string[]): void {
  const { status, stderr, error } = spawnSync(command, args, { encoding: "utf8" });
  if (status !== 0) throw new Error(`${command} ${args.join(" ")}: ${error?.message ?? stderr}`);
}

function address(index: number): string {
  return `10.77.0.${index + 1}`;
}

/** The network that they share, as MPI wants to know it. */
export const NETWORK = "10.77.0.0/24";

/** Whether this process may make namespaces; else why not. */
export function whyNoNamespaces(): string | undefined {
  if (process.getuid?.() !== 0) return "only root may make network namespaces";
  for (const program of ["ip", "tc", "unshare"]) {
    const { error } = spawnSync(program, ["-V"]);
    if (error !== undefined) return `${program} is not installed`;
  }
  const name = `lt${process.pid}-try`;
  try {
    system("ip", "netns", "add", name);
    // Not where / is no mount, as in a chroot.
    system("ip", "netns", "exec", name, "true");
    return undefined;
  } catch (error) {
    return (error as Error).message.trim();
  } finally {
    spawnSync("ip", ["netns", "delete", name]);
  }
}

let numMade = 0;

/** So many machines, until they are disposed of. */
export class Namespaces implements Disposable {
  readonly size: number;
  /** Of all names: others may have machines at the same time. */
  readonly #prefix: string;

  constructor(size: number, rate: LinkRate) {
    this.size = size;
    this.#prefix = `lt${process.pid}-${numMade}`;
    numMade += 1;
    try {
      this.#make();
      this.shape(rate);
    } catch (error) {
      this[Symbol.dispose]();
      throw error;
    }
  }

  /** A machine's name, by which the others know it. */
  nameOf(index: number): string {
    return `${this.#prefix}-${index}`;
  }

  get #switch(): string {
    return `${this.#prefix}-switch`;
  }

  #make(): void {
    system("ip", "netns", "add", this.#switch);
    system("ip", "-n", this.#switch, "link", "add", "br0", "type", "bridge");
    system("ip", "-n", this.#switch, "link", "set", "br0", "up");
    for (let k = 0; k < this.size; k += 1) {
      const name = this.nameOf(k);
      system("ip", "netns", "add", name);
      system(
        "ip",
        "link",
        "add",
        "net0",
        "netns",
        name,
        "type",
        "veth",
        "peer",
        "name",
        `port${k}`,
        "netns",
        this.#switch,
      );
      system("ip", "-n", this.#switch, "link", "set", `port${k}`, "master", "br0", "up");
      system("ip", "-n", name, "addr", "add", `${address(k)}/24`, "dev", "net0");
      system("ip", "-n", name, "link", "set", "lo", "up");
      system("ip", "-n", name, "link", "set", "net0", "up");
      // `ip netns exec` shows this file as /etc/hosts.
      const folder = path.join("/etc/netns", name);
      mkdirSync(folder, { recursive: true });
      const lines = Array.from({ length: this.size }, (_, other) => `${address(other)} ${this.nameOf(other)}`);
      writeFileSync(path.join(folder, "hosts"), `${["127.0.0.1 localhost", ...lines].join("\n")}\n`);
    }
  }

  shape(rate: LinkRate): void {
    const tbf = ["root", "tbf", "rate", rate, "burst", BURSTS[rate], "latency", "20ms"];
    for (let k = 0; k < this.size; k += 1) {
      system("ip", "netns", "exec", this.nameOf(k), "tc", "qdisc", "replace", "dev", "net0", ...tbf);
      system("ip", "netns", "exec", this.#switch, "tc", "qdisc", "replace", "dev", `port${k}`, ...tbf);
    }
  }

  /** Takes the link of a machine down at the switch. */
  cut(index: number): void {
    system("ip", "-n", this.#switch, "link", "set", `port${index}`, "down");
  }

  join(index: number): void {
    system("ip", "-n", this.#switch, "link", "set", `port${index}`, "up");
  }

  [Symbol.dispose](): void {
    for (const name of [this.#switch, ...Array.from({ length: this.size }, (_, k) => this.nameOf(k))]) {
      spawnSync("ip", ["netns", "delete", name]);
      rmSync(path.join("/etc/netns", name), { recursive: true, force: true });
    }
  }
}
