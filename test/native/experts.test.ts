import { describe, expect, test } from "vitest";
import { type DeviceOptions, nativeInfo } from "../../native/index.ts";
import { useEmulatedAddon } from "./emulated-addon.ts";
import { chosen, given, jobs, outputs, type Point, run } from "./tiny-experts.ts";
import { normals } from "./tiny-llama.ts";

useEmulatedAddon();

const DEVICES: readonly { readonly title: string; readonly options: () => DeviceOptions }[] = [
  { title: "a CPU", options: () => ({ name: "cpu:0", cores: nativeInfo().cores.slice(0, 2) }) },
  { title: "a GPU", options: () => ({ kind: "cuda", name: "cuda:0", index: 0 }) },
];

const point: Point = given;

/** d <dy, y> / d direction by central differences. */
function slopeAlong(normalized: boolean, moved: (step: number) => Point): number {
  const objective = (at: Point): number =>
    outputs(at, normalized).reduce((sum, value, i) => sum + value * given.dy[i]!, 0);
  return (objective(moved(1e-5)) - objective(moved(-1e-5))) / 2e-5;
}

const along = (from: ArrayLike<number>, direction: ArrayLike<number>, step: number): readonly number[] =>
  Array.from(from, (value, i) => value + step * direction[i]!);

/** The gradient's slope along the direction, and how far it may be from the true one. */
function slopeOf(gradient: Float32Array, direction: Float32Array) {
  const slope = gradient.reduce((sum, value, i) => sum + value * direction[i]!, 0);
  const size = Math.sqrt(gradient.reduce((sum, value) => sum + value * value, 0) * gradient.length);
  expect(size).toBeGreaterThan(0);
  return { slope, bound: 2e-6 * size };
}

describe.each(DEVICES)("a mixture of experts on $title", ({ options }) => {
  test("has experts with no rows of a job, one and several", () => {
    const counts = jobs.map(({ rowStart, rowEnd }) =>
      [0, 1, 2, 3].map((expert) => chosen.slice(rowStart, rowEnd).filter((own) => own.includes(expert)).length),
    );
    expect(Math.min(...counts.flat())).toBeLessThan(2);
    expect(Math.max(...counts.flat())).toBeGreaterThan(2);
  });

  test.each([true, false])("has the outputs of plain loops in float64, normalized %s", async (normalized) => {
    const { y } = await run(options(), normalized, [0, 1]);
    outputs(point, normalized).forEach((value, i) => {
      expect(Math.abs(y[i]! - value)).toBeLessThan(2e-6);
    });
  });

  test.each([true, false])("has gradients that match central differences, normalized %s", async (normalized) => {
    const result = await run(options(), normalized, [0, 1]);
    for (const name of ["x", "logits"] as const) {
      const direction = normals(`along ${name}`, given[name].length, 1);
      const { slope, bound } = slopeOf(name === "x" ? result.dx : result.dlogits, direction);
      const expected = slopeAlong(normalized, (step) => ({ ...point, [name]: along(given[name], direction, step) }));
      expect(Math.abs(slope - expected), name).toBeLessThan(bound);
    }
    result.adapters.forEach((gradient, job) => {
      const direction = normals(`along adapter ${job}`, gradient.length, 1);
      const { slope, bound } = slopeOf(gradient, direction);
      const expected = slopeAlong(normalized, (step) => ({
        ...point,
        adapters: given.adapters.map((own, other) => (other === job ? along(own, direction, step) : own)),
      }));
      expect(Math.abs(slope - expected), `adapter ${job}`).toBeLessThan(bound);
    });
  });

  test("gives a job the bytes that it has without the other's adapter", async () => {
    const both = await run(options(), true, [0, 1]);
    for (const [index, job] of [0, 1].entries()) {
      const alone = await run(options(), true, [job]);
      expect(alone.adapters[0]).toEqual(both.adapters[index]);
    }
  });
});
