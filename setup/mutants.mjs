// Mistakes of one line that tests have to catch, by file: what stands there once, what is put in its place, and which
// tests are near. `npm run mutants` tries them.

/** `tests`: paths below test/. */
const mistakes = (file, tests, ...changes) =>
  changes.map(([from, to]) => ({ file, tests: tests.map((each) => `test/${each}`), from, to }));

export const MUTANTS = [
  ...mistakes(
    "plan/actions/evaluation.ts",
    ["plan/evaluation"],
    ["(step + 1) % everySteps === 0", "step % everySteps === 0"],
    ["Math.round(share * numRows)), numRows - 1)", "Math.round(share * numRows)), numRows)"],
  ),
  ...mistakes("plan/packing/pack-rows.ts", ["plan/packing"], ["lengths[row]! <= capacity", "lengths[row]! < capacity"]),
  ...mistakes("plan/planner/pack.ts", ["plan/pack.test"], ["sum + length > tokens", "sum + length >= tokens"]),
  ...mistakes("plan/memory/stash.ts", ["plan/stash"], ["Math.ceil(microBatchTokens", "Math.floor(microBatchTokens"]),
  ...mistakes("plan/memory/residents.ts", ["plan/residents"], ["mostAt <= last[job]!", "mostAt < last[job]!"]),
  ...mistakes(
    "plan/halving/sweep-halving.ts",
    ["sim/fleet/halving", "plan/halving"],
    ["iteration > passed", "iteration >= passed"],
  ),
  ...mistakes(
    "plan/early-stopping/watch-losses.ts",
    ["bench/early-stopping", "plan/early-stopping"],
    ["iteration < steps;", "iteration <= steps;"],
    ["seen.confirmed + 1 : 0", "seen.confirmed + 1 : seen.confirmed"],
  ),
  ...mistakes(
    "plan/scheduler/policies/fair.ts",
    ["plan/scheduler", "sim/fleet/invariants", "regress/baseline"],
    ["view.served(job.user) - held", "view.served(job.user) + held"],
  ),
  ...mistakes(
    "plan/costs/operators.ts",
    ["plan/operator-seconds", "sim/golden", "calibration/calibration-plans", "plan/operators", "plan/layer-cost"],
    ["flops: 2 * passes * work", "flops: passes * work"],
  ),
  ...mistakes(
    "plan/planner/partition.ts",
    ["plan/divide-layers", "plan/half-layers"],
    ["const LEAST_GAIN = 0.01", "const LEAST_GAIN = 0.1"],
  ),
  ...mistakes(
    "plan/planner/rest-of-plan.ts",
    ["plan/rest-of-plan", "exec/lost-pipeline", "cli/resume.test"],
    ["Math.max(needed.gradientIn, known.gradientIn)", "needed.gradientIn"],
  ),
  ...mistakes("plan/memory/memory-model.ts", ["exec/memory"], ["4 * vectorBytes", "3 * vectorBytes"]),
  ...mistakes(
    "plan/actions/mini-batch.ts",
    ["plan/evaluation", "plan/growing-plan", "exec/unequal-slots", "plan/properties", "plan/stash"],
    ["firstStep + step < endStep", "firstStep + step <= endStep"],
  ),
  ...mistakes(
    "plan/packing/pack-rows.ts",
    ["plan/packing"],
    ["tokens[at]! > tokens[best]!", "tokens[at]! < tokens[best]!"],
  ),
  ...mistakes(
    "sim/run/channel.ts",
    ["sim/simulate.test", "sim/link", "sim/simulate-blocking", "sim/properties"],
    ["channel.arrived < channel.outBuffers", "channel.arrived <= channel.outBuffers"],
    ["channel.consumed < channel.inBuffers", "channel.consumed <= channel.inBuffers"],
    ["channel.heard < channel.produced", "channel.heard <= channel.produced"],
  ),
  ...mistakes(
    "sim/fleet/fleet-metrics.ts",
    [
      "sim/fleet/granularity",
      "sim/fleet/actions",
      "sim/fleet/published",
      "sim/fleet/fleet-bounds",
      "cli/simulate-fleet",
    ],
    ["end - Math.max(start, until)", "end - start"],
    ["(values.length * squares)", "squares"],
  ),
  ...mistakes("sim/machine-speed.ts", ["sim/machine-speed"], ["+ interruptedNs + delayedNs", "+ interruptedNs"]),
  ...mistakes(
    "calibration/fit-operator.ts",
    ["calibration/fit"],
    ["numParameters * Math.log(numSamples)", "numParameters * 20"],
  ),
  ...mistakes(
    "traces/bubble.ts",
    ["traces/metrics", "sim/simulate.test"],
    ["if (steps < 4)", "if (steps < 5)"],
    ["Math.floor(steps / 2)", "Math.floor(steps / 3)"],
  ),
  ...mistakes(
    "traces/metrics.ts",
    ["traces/metrics", "cli/every-field"],
    [
      "=== steps - 1) span.endNs = Math.max(span.endNs, startNs + durationNs)",
      "=== steps - 1) span.endNs = Math.max(span.endNs, startNs)",
    ],
  ),
  ...mistakes(
    "traces/join.ts",
    ["traces/compare"],
    ["missing.length === 0 && extra.length === 0) return", "missing.length === 0) return"],
  ),
  ...mistakes(
    "traces/chrome-trace.ts",
    ["reports/render", "traces/chrome", "cli/simulate-trace"],
    ["order * 100 + lane", "order + lane"],
  ),
  ...mistakes("capacity/money.ts", ["capacity/money"], ["Math.max(0, all - busy) * isOurs", "Math.max(0, all - busy)"]),
  ...mistakes(
    "capacity/judge-rule.ts",
    ["capacity/judge-rule", "capacity/find-capacity"],
    [
      "if (draws - kept > mostMissed(most, probability)) return true",
      "if (draws - kept >= mostMissed(most, probability)) return true",
    ],
  ),
  ...mistakes(
    "capacity/bounds.ts",
    ["capacity/bounds", "capacity/find-capacity"],
    ["(works.length - 1)) + 1", "(works.length - 1)) + 2"],
    ["numSlots * (last - first + 3600", "(last - first + 3600"],
  ),
  ...mistakes(
    "capacity/draw-jobs.ts",
    ["capacity/find-capacity", "capacity/draw-jobs"],
    ["3600 * (hour + 0.5)", "3600 * hour"],
  ),
  ...mistakes("capacity/run-cost.ts", ["cli/estimate"], ["(count * seconds) / 3600", "seconds / 3600"]),
  ...mistakes(
    "exec/learning-rate.ts",
    ["exec/learning-rate"],
    ["(learningRate * (step + 1)) / warmupSteps", "(learningRate * step) / warmupSteps"],
    ["warmupFromZero === true ? step : step + 1", "step"],
    ["step - warmupSteps + 1", "step - warmupSteps"],
  ),
  ...mistakes(
    "exec/stopped-jobs.ts",
    ["exec/stopped-jobs", "cli/diverging"],
    ['action.letter !== "U" && microBatch', "microBatch"],
  ),
  ...mistakes(
    "exec/evaluations.ts",
    ["exec/evaluation.test"],
    ["evaluationLoss < known.evaluationLoss", "evaluationLoss > known.evaluationLoss"],
  ),
  ...mistakes(
    "exec/step-metrics.ts",
    ["exec/model-features"],
    ["Math.sqrt(squares.reduce((sum, value) => sum + value, 0))", "squares.reduce((sum, value) => sum + value, 0)"],
  ),
  ...mistakes(
    "exec/divergence.ts",
    ["exec/stopped-jobs", "cli/diverging"],
    ["return Number.isFinite(gradNorm) ?", "return !Number.isNaN(gradNorm) ?"],
  ),
  ...mistakes(
    "exec/adapter-room.ts",
    ["exec/jobs-at-once"],
    ["this.#bytes + bytes > roomBytes", "this.#bytes + bytes >= roomBytes"],
  ),
  ...mistakes(
    "exec/job-states.ts",
    ["exec/states-every-steps", "exec/fleet-execution"],
    ["firstStep + miniBatch.step + 1 ===", "firstStep + miniBatch.step ==="],
  ),
  ...mistakes(
    "exec/stop-early.ts",
    ["exec/stop-early", "exec/ranks"],
    ["waitsOf(receiveWaits, toStage)", "waitsOf(receiveWaits, toStage + 1)"],
  ),
  ...mistakes(
    "runs/checkpoints/find-checkpoint.ts",
    ["attacks/checkpoints", "cli/resume.test"],
    ["bytes !== file.bytes || sha256 !== file.sha256", "bytes !== file.bytes"],
  ),
  ...mistakes(
    "runs/checkpoints/checkpoint-rhythm.ts",
    ["runs/checkpoint-clock", "cli/resume.test"],
    ["60_000 * this.#minutes", "6_000 * this.#minutes"],
  ),
  ...mistakes(
    "runs/checkpoints/write-checkpoint.ts",
    ["runs/write-checkpoint", "cli/resume.test"],
    ["others.length + 1 - keep", "others.length - keep"],
  ),
  ...mistakes(
    "runs/check/compare-runs.ts",
    ["runs/compare-runs", "cli/resume.test"],
    ["both === steps && files.every", "files.every"],
  ),
  ...mistakes(
    "files/folder-lock.ts",
    ["reliability/faults", "cli/resume-fleet"],
    ["if (real !== undefined && isAlive(real))", "if (real !== undefined)"],
  ),
  ...mistakes(
    "runs/check/run-end.ts",
    ["cli/check-run"],
    ['if (last?.event === "ended") return []', "if (last !== undefined) return []"],
  ),
  ...mistakes(
    "datasets/read-dataset.ts",
    ["datasets", "cli/told"],
    ["row.inputIds.length > cutoffLength", "row.inputIds.length >= cutoffLength"],
    ["id >= vocabularySize", "id > vocabularySize"],
  ),
  ...mistakes("datasets/order-rows.ts", ["datasets/order-rows"], ["numRows - 1; last > 0", "numRows - 1; last > 1"]),
  ...mistakes(
    "cli/refuse-options.ts",
    ["cli/options"],
    ['args[name] === ""', 'args[name] === " "'],
    ["args[flag] !== undefined && args[flag] !== false", "args[flag] !== undefined"],
  ),
  ...mistakes(
    "cli/sparkline.ts",
    ["cli/sparkline", "cli/told", "cli/run-folder"],
    ["(LEVELS.length - 1)", "(LEVELS.length - 2)"],
  ),
  ...mistakes(
    "reports/html-page.ts",
    ["reports/render-report", "reports/report-page", "attacks/names"],
    ['json.replaceAll("<", "\\\\u003c")', "json"],
    ["/<\\/(?=script|style)/gi", "/<\\/(?=style)/gi"],
  ),
  ...mistakes(
    "core/stats.ts",
    ["core", "traces/metrics", "calibration/fit"],
    ["if (below >= half)", "if (below > half)"],
  ),
  ...mistakes(
    "native/src/ops/adamw.cpu.cc",
    ["native/ops", "exec/oracle"],
    ["1.0 - op.learningRate * op.weightDecay", "1.0"],
    ["std::pow(op.beta2, static_cast<double>(op.step))", "std::pow(op.beta2, static_cast<double>(op.step + 1))"],
  ),
  ...mistakes(
    "native/src/ops/rmsnorm.cpu.cc",
    ["native/ops", "exec/model-features"],
    ["static_cast<float>(H) + op.eps", "static_cast<float>(H)"],
  ),
  ...mistakes(
    "native/src/ops/rope.cpu.cc",
    ["native/ops", "exec/model-features"],
    ["(quadrant + 1) & 2", "quadrant & 2"],
  ),
  ...mistakes("native/src/ops/dropout.h", ["native/ops", "exec/model-features"], [">= threshold;", "> threshold;"]),
  ...mistakes(
    "native/src/cuda/cross_entropy.cu",
    ["native/emulation", "exec/cuda.test"],
    ["if (i < count) chunk.sum +=", "chunk.sum +="],
  ),
  ...mistakes(
    "native/src/cuda/adamw.cu",
    ["native/emulation", "exec/cuda.test"],
    ["1.0 - std::pow(beta1, steps)", "1.0 - std::pow(beta1, steps + 1)"],
  ),
];
