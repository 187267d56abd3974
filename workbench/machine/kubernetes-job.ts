import { stringify } from "yaml";
import { shellQuoted } from "../../core/index.ts";
import { chosenCommand, noticeSeconds, type RepeatedRun } from "./repeated-run.ts";

/** What a job of Kubernetes needs beside its run. */
export interface KubernetesJob {
  readonly image: string;
  /** A claim of a volume, mounted at `folder`, in which the run's commands start. */
  readonly claim: string;
  readonly folder: string;
  /** The words of the program in the image. */
  readonly program: readonly string[];
  /** The run's folder, as its commands name it. */
  readonly runFolder: string;
}

/** As often a job's pods may fail, beside those that were taken away or have ended with a checkpoint. */
const FAILURES = 100;
/** A user that is not root can listen there. */
const SSH_PORT = 2222;
/** How often a pod is asked for, some seconds apart: it may wait for a node that is to be started. */
const REACH_TRIES = 300;
/** Where pods have the keys of ssh. */
const KEYS = "/etc/loratwin-ssh";

/** A name as Kubernetes takes it, with room for the numbers of pods: RFC 1123. */
export function kubernetesName(name: string): string {
  const letters = name.toLowerCase().replaceAll(/[^a-z0-9-]+/g, "-");
  return letters.slice(0, 50).replaceAll(/^-+|(?<!-)-+$/g, "") || "loratwin";
}

/** The pods of a job by what each calls itself. */
export function podHosts(name: string, count: number): readonly string[] {
  return Array.from({ length: count }, (_, index) => `${name}-${index}`);
}

/** Lines of a shell, in every pod of several: only they have the keys, and trust each other. */
function sshLines(name: string, count: number): readonly string[] {
  const others = podHosts(name, count).slice(1).join(" ");
  const config = [
    `Port ${SSH_PORT}`,
    // Open MPI wants the names that pods call themselves by, and the service gives them longer ones.
    `HostName %h.${name}`,
    ...["StrictHostKeyChecking no", "UserKnownHostsFile /dev/null", "LogLevel ERROR"],
  ];
  return [
    `install -d -m 700 ~/.ssh && install -m 600 -t ~/.ssh ${KEYS}/* || exit 1`,
    `printf '%s\\n' ${config.map(shellQuoted).join(" ")} > ~/.ssh/config`,
    'if [ "$JOB_COMPLETION_INDEX" != 0 ]; then',
    `  exec /usr/sbin/sshd -D -e -p ${SSH_PORT} -h ~/.ssh/id_ed25519 -o AuthorizedKeysFile=.ssh/id_ed25519.pub \\`,
    "    -o PidFile=none -o UsePAM=no",
    "fi",
    `for host in ${others}; do`,
    `  for try in $(seq ${REACH_TRIES}); do ssh -o ConnectTimeout=2 "$host" true && break; sleep 2; done`,
    "done",
  ];
}

/** The script of a pod. */
function podScript(run: RepeatedRun): string {
  const { name, machines, check } = run;
  return [
    ...(machines.count === 1 ? [] : sshLines(name, machines.count)),
    ...chosenCommand(run, ""),
    // Several machines are started by `launch --run`, which looks for itself how the run has ended.
    `"$\{run[@]}"${machines.count === 1 ? ` && ${check}` : ""}`,
    "",
  ].join("\n");
}

function limitsOf({ machines: { gpus, cpus, memoryGib } }: RepeatedRun): Readonly<Record<string, string | number>> {
  return {
    ...(cpus === null ? {} : { cpu: cpus }),
    ...(memoryGib === null ? {} : { memory: `${memoryGib}Gi` }),
    ...(gpus === 0 ? {} : { "nvidia.com/gpu": gpus }),
  };
}

/**
 * A Job whose pods are made again until the run has ended, and for several machines a Service by which pods know each
 * other. A pod that is to go tells the run, which ends with a checkpoint.
 */
export function kubernetesObjects(run: RepeatedRun, job: KubernetesJob): readonly object[] {
  const { name } = run;
  const { count } = run.machines;
  const isAlone = count === 1;
  const secret = `${name}-ssh`;
  const ssh = isAlone ? [] : [{ name: "ssh", mountPath: KEYS, readOnly: true }];
  const keys = isAlone ? [] : [{ name: "ssh", secret: { secretName: secret } }];
  const service = {
    ...{ apiVersion: "v1", kind: "Service", metadata: { name } },
    spec: {
      clusterIP: "None",
      publishNotReadyAddresses: true,
      selector: { "batch.kubernetes.io/job-name": name },
    },
  };
  const rules = [
    // Pods that were taken away, and runs that ended with a checkpoint, are no failures.
    { action: "Ignore", onPodConditions: [{ type: "DisruptionTarget", status: "True" }] },
    { action: "Ignore", onExitCodes: { containerName: "train", operator: "In", values: [75] } },
    // What was given is wrong: it would be so again.
    { action: "FailJob", onExitCodes: { containerName: "train", operator: "In", values: [2] } },
  ];
  return [
    ...(isAlone ? [] : [service]),
    {
      ...{ apiVersion: "batch/v1", kind: "Job", metadata: { name } },
      spec: {
        ...(isAlone
          ? {}
          : {
              ...{ completionMode: "Indexed", completions: count, parallelism: count },
              // The others are ended once the first has ended.
              successPolicy: { rules: [{ succeededIndexes: "0" }] },
            }),
        backoffLimit: FAILURES,
        podFailurePolicy: { rules },
        template: {
          spec: {
            ...(isAlone ? {} : { subdomain: name }),
            restartPolicy: "Never",
            terminationGracePeriodSeconds: noticeSeconds(run),
            containers: [
              {
                ...{ name: "train", image: job.image, workingDir: job.folder },
                ...{ command: ["/bin/bash", "-uc"], args: [podScript(run)] },
                lifecycle: { preStop: { exec: { command: [...job.program, "notice", job.runFolder, "--wait"] } } },
                resources: { limits: limitsOf(run) },
                volumeMounts: [{ name: "work", mountPath: job.folder }, ...ssh],
              },
            ],
            volumes: [{ name: "work", persistentVolumeClaim: { claimName: job.claim } }, ...keys],
          },
        },
      },
    },
  ];
}

/** The same as a file for `kubectl apply -f`, with what it needs to be there. */
export function kubernetesText(run: RepeatedRun, job: KubernetesJob): string {
  const { count } = run.machines;
  const needs = [
    "kubectl apply -f FILE, with Kubernetes 1.31 or newer.",
    `The image ${job.image} has loratwin${count === 1 ? "" : " with Open MPI, ssh and sshd"}.`,
    `The claim ${job.claim} has the plan, the model and the data by the paths that the plan names, and keeps the run.`,
    ...(count === 1
      ? []
      : [
          "All pods mount it (ReadWriteMany). They reach each other by ssh with a key of this secret:",
          `  ssh-keygen -t ed25519 -N '' -f id_ed25519`,
          `  kubectl create secret generic ${run.name}-ssh --from-file=id_ed25519 --from-file=id_ed25519.pub`,
        ]),
    "A pod that is taken away ends the run with a checkpoint, and the next one goes on from it.",
    "Add what your cluster asks for: securityContext (fsGroup), nodeSelector, tolerations, imagePullSecrets.",
  ];
  const head = needs.map((line) => `# ${line}\n`).join("");
  return `${head}${kubernetesObjects(run, job)
    .map((object) => stringify(object, { lineWidth: 0 }))
    .join("---\n")}`;
}
