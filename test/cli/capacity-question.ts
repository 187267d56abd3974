import { writeFileSync } from "node:fs";
import path from "node:path";

export const FORECAST = `kind: forecast
version: 1
days: 3
level: { percent: 90, hours: 0.043 }
kinds:
  - { name: small, model: llama-3-8b, perDay: 60, samples: 8000, batchSize: 16, tokens: { mean: 400, max: 2048 } }
  - { name: large, model: llama-3-70b, perDay: 4, samples: 3000, batchSize: 16, tokens: { mean: 400, max: 2048 }, level: { percent: 90, hours: 5 } }
`;
export const CANDIDATES = `kind: candidates
version: 1
candidates:
  - { accelerator: RTX 4090, count: 4, slot: 4, precision: bfloat16, tenure: buy }
generate:
  accelerators: [H100 SXM, MI300X, L40S]
  counts: [4, 8, 32]
  slots: [2, 4]
  precisions: [float8]
  tenures: [buy, reserved, on-demand, spot]
`;
export const PRICES = `kind: prices
version: 1
date: 2026-11-20
currency: EUR
perKilowattHour: 0.2
interest: 0.06
termMonths: 60
accelerators:
  H100 SXM:
    soldIn: 8
    buy: { price: 30000, years: 4 }
    reservedPerHour: 2
    onDemandPerHour: 3
    spot: { perHour: 1.5, interruptionsPerDay: 6, noticeSeconds: 0, restartSeconds: 200, checkpointSeconds: 20 }
  MI300X: { soldIn: 4, failures: { perYear: 2, repairHours: 48 }, buy: { price: 24000, years: 4 }, reservedPerHour: 1.8, onDemandPerHour: 2.6 }
  L40S: { reservedPerHour: 0.8, onDemandPerHour: 1.1 }
`;
export const ASKED = ["capacity", "f.yaml", "--candidates", "c.yaml", "--prices", "p.yaml"];
export const FEW = ["--draws", "4", "--most-draws", "4", "--probability", "0.75"];

/** Writes the files that are asked with. */
export function writeQuestion(folder: string): void {
  for (const [name, text] of Object.entries({ "f.yaml": FORECAST, "c.yaml": CANDIDATES, "p.yaml": PRICES }))
    writeFileSync(path.join(folder, name), text);
}
