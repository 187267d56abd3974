import { type CapacityQuestion, type CapacityReport, capacityDocument, flipsOf } from "../../capacity/index.ts";
import { InputError } from "../../core/index.ts";
import { type CapacityAnswer, type CapacityObjective, OBJECTIVES } from "../../plan/index.ts";
import { answerCapacity, CapacityFolder, loadCapacity, searchCapacity } from "../../workbench/index.ts";
import {
  type Arguments,
  type Command,
  flag,
  optionalCount,
  optionalNumber,
  optionalText,
  requiredText,
} from "../command.ts";
import { capacityText } from "../describe-capacity.ts";
import type { Io } from "../io.ts";
import { ERASE_LINE, moveCursor, note, printResult } from "../output.ts";
import { CATALOG_OPTION, RELEASE_OPTION } from "../plan-options.ts";
import { requireCapacityPage, writeCapacity } from "../write-capacity.ts";

/** `rounds`: so many times `--draws` are drawn of a candidate near the edge, where nothing else is said. */
const DRAWS = { default: 20, most: 1000, rounds: 5 } as const;

function drawsOf(args: Arguments, name: string, otherwise: number, least = 1): number {
  const draws = optionalCount(args, name, least) ?? otherwise;
  if (draws > DRAWS.most) throw new InputError({ expected: `at most ${DRAWS.most}`, at: `--${name}`, got: draws });
  return draws;
}

function drawingOf(args: Arguments): Pick<CapacityQuestion, "drawing" | "mostDraws"> {
  const draws = drawsOf(args, "draws", DRAWS.default);
  return {
    drawing: { draws, seed: optionalCount(args, "seed", 0) ?? 0 },
    mostDraws: drawsOf(args, "most-draws", Math.min(DRAWS.most, DRAWS.rounds * draws), draws),
  };
}

function probabilityOf(args: Arguments): number {
  const probability = optionalNumber(args, "probability") ?? 0.9;
  if (probability > 0 && probability <= 1) return probability;
  throw new InputError({ expected: "a share above 0, at most 1", at: "--probability", got: probability });
}

function objectiveOf(args: Arguments): CapacityObjective {
  const given = optionalText(args, "objective");
  return OBJECTIVES.find((each) => each === given) ?? "cost";
}

/** How often a terminal is told how far it is. */
const TELL_MS = 500;

/** Tells a terminal how many candidates were looked at; what takes it away. */
function progressOf(io: Io, args: Arguments, what: string) {
  let toldMs = Number.NEGATIVE_INFINITY;
  const isShown = io.isTty && !flag(args, "quiet");
  return {
    told(done: number, all: number): void {
      if (!isShown || performance.now() - toldMs < TELL_MS) return;
      toldMs = performance.now();
      moveCursor(io, ERASE_LINE);
      io.stderr(`${what}: ${done} of ${all}`);
    },
    end(): void {
      if (toldMs > 0) moveCursor(io, ERASE_LINE);
    },
  };
}

async function searched(
  io: Io,
  args: Arguments,
  question: CapacityQuestion,
  folder: CapacityFolder | undefined,
): Promise<CapacityReport> {
  const progress = progressOf(io, args, "candidates");
  try {
    return await answerCapacity(question, {
      onProgress: progress.told,
      ...(folder === undefined ? {} : { seen: folder.seen, onSeen: (draws) => folder.keep(draws) }),
    });
  } finally {
    progress.end();
  }
}

async function flipped(
  io: Io,
  args: Arguments,
  question: CapacityQuestion,
  { best }: CapacityReport,
): Promise<CapacityAnswer["flips"]> {
  const progress = progressOf(io, args, "searches again");
  try {
    const search = (questions: readonly CapacityQuestion[]) => searchCapacity(questions, progress.told);
    return [...(await flipsOf(question, best!, search))];
  } finally {
    progress.end();
  }
}

export const capacityCommand: Command = {
  usage: "capacity <forecast>",
  describe: "which accelerators to buy or rent for jobs that are forecast: the cheapest that keep a level of service",
  examples: [
    [
      "$0 capacity forecast.yaml --candidates candidates.yaml --prices prices.yaml",
      "what to have, and what comes next",
    ],
  ],
  positionals: {
    forecast: { type: "string", demandOption: true, describe: "forecast file: kinds of jobs, and how they come" },
  },
  uses: [
    {
      input: "a forecast",
      options: {
        candidates: {
          type: "string",
          needed: true,
          describe: "file with candidate accelerators, or with what to make them from",
        },
        prices: { type: "string", needed: true, describe: "file with prices of accelerators; none is built in" },
        catalog: CATALOG_OPTION,
        draws: {
          type: "number",
          default: DRAWS.default,
          describe: "draws of arrivals and of the error of predicted times, for every candidate",
        },
        "most-draws": {
          type: "number",
          describe: `most draws of a candidate that is close to the level (default: ${DRAWS.rounds} times --draws)`,
        },
        seed: { type: "number", default: 0, describe: "seed of the draws" },
        probability: { type: "number", default: 0.9, describe: "share of the draws that have to keep the level" },
        objective: {
          type: "string",
          choices: OBJECTIVES,
          default: "cost",
          describe: "order of the candidates: by money, by kilowatt-hours, or by the hours of the tightest level",
        },
        output: {
          type: "string",
          alias: "o",
          writes: true,
          describe:
            "folder for the answer: answer.json, answer.html, candidates.csv, and in run/ what it is tried and run with; a search that was cut off goes on there",
        },
        exhaustive: {
          type: "boolean",
          default: false,
          describe: "simulate every candidate, also those that bounds rule out",
        },
        release: RELEASE_OPTION,
        "trainable-only": {
          type: "boolean",
          default: false,
          describe:
            "leave candidates out that loratwin itself cannot train with: other than CUDA, or less than 16 bits",
        },
        flips: {
          type: "boolean",
          default: false,
          describe: "search again with other jobs, rows, times, prices and levels",
        },
      },
    },
  ],
  async run(args, io) {
    const files = {
      forecast: requiredText(args, "forecast"),
      candidates: requiredText(args, "candidates"),
      prices: requiredText(args, "prices"),
      catalog: optionalText(args, "catalog"),
    };
    const output = optionalText(args, "output");
    if (output !== undefined) requireCapacityPage();
    const question: CapacityQuestion = {
      ...loadCapacity(io, files),
      ...drawingOf(args),
      probability: probabilityOf(args),
      objective: objectiveOf(args),
      isExhaustive: flag(args, "exhaustive"),
      release: requiredText(args, "release"),
      isTrainableOnly: flag(args, "trainable-only"),
    };
    const folder = output === undefined ? undefined : new CapacityFolder(io, output, question);
    if (folder !== undefined && folder.seen.size > 0)
      note(io, args, `goes on with ${folder.seen.size} draws of candidates that were simulated before`);
    const report = await searched(io, args, question, folder);
    const { best, apart } = report;
    const isFlipped = best !== null && flag(args, "flips");
    const answer = capacityDocument(question, report, isFlipped ? await flipped(io, args, question, report) : []);
    if (folder !== undefined) writeCapacity(io, args, folder, question, answer);
    printResult(io, args, answer, () =>
      [capacityText(answer), ...(output === undefined ? [] : ["", `written to ${output}`])].join("\n"),
    );
    return best === null && apart === null ? 1 : 0;
  },
};
