/**
 * BatchLoRA groups: jobs in `numGroups` groups of nearly equal load. The heaviest job first, each into the lightest
 * group, ties by index: equal jobs are dealt out in turn (jobs 0 and 4 share group 0 of 4, as in Fig. 4 (f)).
 */
export function groupJobs(loads: readonly number[], numGroups: number): readonly (readonly number[])[] {
  const groups: { load: number; jobs: number[] }[] = Array.from({ length: Math.min(numGroups, loads.length) }, () => ({
    load: 0,
    jobs: [],
  }));
  const heaviestFirst = loads.map((_, job) => job).sort((a, b) => loads[b]! - loads[a]! || a - b);
  for (const job of heaviestFirst) {
    let lightest = groups[0]!;
    for (const group of groups) if (group.load < lightest.load) lightest = group;
    lightest.load += loads[job]!;
    lightest.jobs.push(job);
  }
  return groups.map(({ jobs }) => jobs.sort((a, b) => a - b)).sort((a, b) => a[0]! - b[0]!);
}
