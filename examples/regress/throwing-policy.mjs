// A policy that fails at its third decision: whoever asked for it is told so, and no job is said to have trained.
export default function throwing(_resources, { byArrival, takeInTurn }) {
  return {
    name: "throwing",
    describe: "first come, first served, and a failure",
    compare: byArrival,
    watches: "changes",
    initial: 0,
    decide(view, decisions) {
      if (decisions === 2) throw new Error("the third decision fails");
      const wishes = takeInTurn(view.resources, [...view.placed, ...view.waiting], {
        looksPast: 0,
        why: () => "first",
      });
      return { wishes, memory: decisions + 1 };
    },
  };
}
