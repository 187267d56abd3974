// @module-tag nightly
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { build, buildTargets, finish, native } from "../native/cuda-table.ts";

/** A mistake between launches: each kernel is right, the step is not. */
interface StepBug {
  readonly name: string;
  /** The file under native/src/runtime/cuda that is changed, at the only place where `find` stands. */
  readonly file: string;
  readonly find: string;
  readonly replace: string;
  readonly message: RegExp;
  /** Two GPUs when absent. */
  readonly devices?: string;
}

const BUGS: readonly StepBug[] = [
  {
    name: "a launch whose result the next one reads is missing",
    file: "steps_lora.cc",
    find: "      cuda::lora_dyb(run, tiles.items, tiles.count, dy, lddy, stream);\n",
    replace: "",
    message: /lora_dsa: .*read of device buffer 'activations'.*, which nobody has written\n.*:\d+/,
  },
  {
    name: "scratch is given to the sums while the products in it are still read",
    file: "steps_lora.cc",
    find: "        scratch += cuda::padded(elements * sizeof(Store), cuda::kScratchLine);\n",
    replace: "        static_cast<void>(elements);\n",
    message: /lora_dsx_dys: .*race between blocks on device buffer 'activations'.*\n.*lora_dsx_dys\.cu:\d+.*\n.*:\d+/,
  },
  {
    name: "the gradient of rows that are not scored is not cleared",
    file: "steps_products.cc",
    find: "    if (dx != nullptr) cuda::scatter_rows(nullptr, others, otherCount, f->hidden, dx, stream);\n",
    replace: "",
    message: /rmsnorm_backward: .*read of device buffer 'activations'.*, which nobody has written\n.*rmsnorm\.cu:\d+/,
  },
  {
    name: "a message ends before its last row",
    file: "cuda_device.cc",
    find: "moved.from->data() + moved.source, moved.bytes, stream);",
    replace: "moved.from->data() + moved.source, moved.bytes - 64, stream);",
    message: /read of device buffer 'activations'.*, which nobody has written/,
  },
  {
    name: "the sum of squares that the update clips by is not kept",
    file: "cuda_device.cc",
    find: "counts.back(), wanted.adapter->sumSquares()});",
    replace: "counts.back()});",
    message: /adamw: .*read of device buffer 'norms'.*, which nobody has written\n.*adamw\.cu:\d+/,
    devices: "cuda:0",
  },
];

const target = "loratwin_checked";

async function succeed(command: string): Promise<void> {
  const { status, stdout, stderr } = await finish("sh", ["-c", `cd '${build}' && ${command}`]);
  if (status !== 0) throw new Error(`${command}\n${stdout}${stderr}`);
}

/** What links the checked addon, by whichever tool builds it here: make has a file of it, Ninja tells. */
async function linkCommand(): Promise<string> {
  const file = path.join(build, `CMakeFiles/${target}.dir/link.txt`);
  if (existsSync(file)) return readFileSync(file, "utf8").trim();
  const { stdout } = await finish("ninja", ["-C", build, "-t", "commands", `${target}.node`]);
  return stdout.trim().split("\n").at(-1)!;
}

/** The checked addon with the bug in it. */
async function plant(bug: StepBug, index: number): Promise<string> {
  const source = path.join(native, "src/runtime/cuda", bug.file);
  const text = readFileSync(source, "utf8");
  if (text.split(bug.find).length !== 2)
    throw new Error(`Expected one place of ${JSON.stringify(bug.find)} in ${bug.file}`);
  const folder = path.join(build, "step-bugs", String(index));
  mkdirSync(folder, { recursive: true });
  const planted = path.join(folder, bug.file);
  writeFileSync(planted, text.replace(bug.find, bug.replace));
  const object = `CMakeFiles/${target}.dir/src/runtime/cuda/${bug.file}.o`;
  const commands = JSON.parse(readFileSync(path.join(build, "compile_commands.json"), "utf8")) as readonly {
    readonly command: string;
  }[];
  const compile = commands.map(({ command }) => command).find((command) => command.includes(` ${object} `));
  if (compile === undefined) throw new Error(`Expected a command that makes ${object}, found none`);
  const ours = `${folder}/bug.o`;
  const addon = `${folder}/bug.node`;
  // For time; and what a bug leaves unused is no error.
  await succeed(
    compile.replace(object, ours).replace(source, planted).replace(" -O3 ", " -O0 ").replace(" -Werror", ""),
  );
  const link = await linkCommand();
  const output = `-o ${target}.node`;
  if (!link.includes(object) || !link.includes(output)) throw new Error(`Expected ${object} and ${output} in ${link}`);
  await succeed(
    link
      .replace(object, ours)
      .replace(output, `-o ${addon}`)
      .replace(/-Wl,--dependency-file=\S+/, ""),
  );
  return addon;
}

beforeAll(() => buildTargets(target), 900_000);
afterAll(() => vi.resetModules());

test.each(BUGS.map((bug, index) => ({ ...bug, index })))(
  "a mistake between launches is found in a whole step: $name",
  async (bug) => {
    process.env["LORATWIN_ADDON"] = await plant(bug, bug.index);
    // Each addon is loaded by modules of its own.
    vi.resetModules();
    const { runSmall } = await import("./small-run.ts");
    const { checkedCase } = await import("./checked-step.ts");
    const { devices = "cuda:0,cuda:1" } = bug;
    const run = { devices, dtype: "bfloat16", groups: 1 } as const;
    const error = await runSmall(checkedCase(1), run).then(
      () => undefined,
      (reason: Error) => reason,
    );
    expect(error?.message).toMatch(bug.message);
  },
  180_000,
);
