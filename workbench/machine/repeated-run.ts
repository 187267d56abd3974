/** What each machine of a run gives it. */
export interface MachineShare {
  readonly count: number;
  /** GPUs of each; 0 for none. */
  readonly gpus: number;
  /** Cores of each; null where a machine is the run's alone. */
  readonly cpus: number | null;
  /** Memory of each; null where nobody says. */
  readonly memoryGib: number | null;
}

/** A run that a cluster carries out, as often as it takes. Its commands are as a shell reads them. */
export interface RepeatedRun {
  readonly name: string;
  readonly machines: MachineShare;
  /** The command that begins the run, and the one that goes on with it, once `begun` is there: a file of its folder. */
  readonly begin: string;
  readonly goOn: string;
  readonly begun: string;
  /** The command that says whether the run has ended. */
  readonly check: string;
  /** Seconds that the run may take to end, once it is told to. */
  readonly endingSeconds: number;
}

/** The same where nobody says otherwise: a cluster gives more time than a person waits. */
export const ENDING_SECONDS = 100;
/** Seconds that a cluster gives beside them. */
const BESIDE_SECONDS = 20;

/** Seconds before its end at which a job is told. */
export const noticeSeconds = ({ endingSeconds }: RepeatedRun): number => Math.ceil(endingSeconds) + BESIDE_SECONDS;

/** Lines of a shell that choose the command of a run: `run` is its words. A run that has ended already is left as it is. */
export function chosenCommand({ begin, goOn, begun, check }: RepeatedRun, within: string): readonly string[] {
  return [
    `if [ -e ${begun} ] && ${within}${check} > /dev/null 2>&1; then exit 0; fi`,
    `run=(${begin})`,
    ...(begin === goOn ? [] : [`if [ -e ${begun} ]; then run=(${goOn}); fi`]),
  ];
}
