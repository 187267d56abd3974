// `npm run slurm`: runs under a real Slurm; `npm run slurm -- launchers`: which launchers start ranks with this MPI.
const [what, ...more] = process.argv.slice(2);
if (what === undefined) await import("./try.mjs");
else if (what === "launchers" && more.length === 0) await import("./launchers.mjs");
else {
  console.error(`Expected launchers or nothing, got ${[what, ...more].join(" ")}.`);
  process.exitCode = 2;
}
