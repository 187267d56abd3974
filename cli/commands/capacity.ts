import { capacityReport, flipsOf } from "../../capacity/index.ts";
import { InputError } from "../../core/index.ts";
import { loadCapacity } from "../../workbench/index.ts";
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
import { printResult } from "../output.ts";
import { CATALOG_OPTION } from "../plan-options.ts";

const DRAWS = { default: 20, most: 1000 } as const;

function drawsOf(args: Arguments): number {
  const draws = optionalCount(args, "draws") ?? DRAWS.default;
  if (draws > DRAWS.most) throw new InputError({ expected: `at most ${DRAWS.most}`, at: "--draws", got: draws });
  return draws;
}

function probabilityOf(args: Arguments): number {
  const probability = optionalNumber(args, "probability") ?? 0.9;
  if (probability > 0 && probability <= 1) return probability;
  throw new InputError({ expected: "a share above 0, at most 1", at: "--probability", got: probability });
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
      io.stderr(`\r\u001b[K${what}: ${done} of ${all}`);
    },
    end(): void {
      if (toldMs > 0) io.stderr("\r\u001b[K");
    },
  };
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
          describe: "file of accelerators that might be had, or what to make them of",
        },
        prices: { type: "string", needed: true, describe: "file of what they cost; none is built in" },
        catalog: CATALOG_OPTION,
        draws: {
          type: "number",
          default: DRAWS.default,
          describe: "draws of arrivals and of the error of predicted times",
        },
        probability: { type: "number", default: 0.9, describe: "share of the draws that are to keep the level" },
        exhaustive: {
          type: "boolean",
          default: false,
          describe: "simulate every candidate, also those that bounds rule out",
        },
        flips: {
          type: "boolean",
          default: false,
          describe: "search again where jobs, rows, times, prices or the level are otherwise",
        },
      },
    },
  ],
  run(args, io) {
    const files = {
      forecast: requiredText(args, "forecast"),
      candidates: requiredText(args, "candidates"),
      prices: requiredText(args, "prices"),
      catalog: optionalText(args, "catalog"),
    };
    const loaded = loadCapacity(io, files);
    const [draws, probability] = [drawsOf(args), probabilityOf(args)];
    const progress = progressOf(io, args, "candidates");
    const isExhaustive = flag(args, "exhaustive");
    const request = { ...loaded, draws, probability, isExhaustive, onProgress: progress.told };
    const report = capacityReport(request);
    progress.end();
    const { best } = report;
    const searches = progressOf(io, args, "searches again");
    const flips = best === null || !flag(args, "flips") ? [] : flipsOf(request, best, searches.told);
    searches.end();
    const { currency, date } = loaded.prices;
    const { days } = loaded.forecast;
    printResult(io, args, { ...report, flips, currency, pricesOf: date, days, probability }, () =>
      capacityText(report, loaded.prices, days, flips),
    );
    return best === null ? 1 : 0;
  },
};
