import { execFile } from "node:child_process";
import { resolve } from "node:path";
import { promisify } from "node:util";
import { expect, test } from "vitest";
import { useProgram } from "./attack-program.ts";

const program = useProgram("ending-worker.ts");
const addon = resolve(process.env["LORATWIN_ADDON"] ?? "native/build/loratwin.node");

test.each(["runs", "packing", "arenas"])(
  "a worker thread that is ended while the addon is at work with %s takes no other thread along",
  async (what) => {
    for (const delay of [0, 2, 12]) {
      const { stdout, stderr } = await promisify(execFile)(process.execPath, [program(), addon, what, String(delay)]);
      expect({ stdout, stderr }).toEqual({ stdout: "the process goes on\n", stderr: "" });
    }
  },
);
