import type { PlantedFault } from "./planted-change.ts";

/** What only a real run shows. */
export const EXECUTOR_FAULTS: readonly PlantedFault[] = [
  {
    area: "executed",
    name: "a learning rate a tenth too low",
    changes: [
      {
        file: "exec/stage-runner.ts",
        from: "const learningRate = learningRateAt(optimizer, own, steps);",
        to: "const learningRate = 0.9 * learningRateAt(optimizer, own, steps);",
      },
    ],
    caughtBy: "trained-in-stages",
    cause: /^adapters differ: .* by \d+\.\d %/,
    isExecuted: true,
  },
  {
    area: "executed",
    name: "a plan that waits for itself",
    changes: [
      {
        file: "exec/stage-runner.ts",
        from: '      const up = passOf(action.letter) === "F";',
        to: '      if (action.letter === "B" && action.microBatch === 5) return;\n      const up = passOf(action.letter) === "F";',
      },
    ],
    caughtBy: "trained-in-stages",
    cause: /^was trained before, and is not now: train: /,
    isExecuted: true,
  },
  {
    area: "executed",
    name: "eight milliseconds before each action",
    changes: [
      {
        file: "exec/stage-runner.ts",
        from: '      const up = passOf(action.letter) === "F";',
        to: '      for (const until = performance.now() + 8; performance.now() < until; );\n      const up = passOf(action.letter) === "F";',
      },
    ],
    caughtBy: "trained-in-stages",
    cause: /^training takes \d+\.\d+ to \d+\.\d+ times as long, turn by turn$/,
    isExecuted: true,
  },
];
