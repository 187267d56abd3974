import { CLUSTER, edited } from "./bad-input/bad-input.ts";

/** Two machines of a core each, left and right, and a network of 1 Gbit/s. */
export const TWO_MACHINES = edited(
  edited(
    CLUSTER.replace("local", "left"),
    '      - { name: "cpu:1"',
    '  - name: right\n    devices:\n      - { name: "cpu:1"',
  ),
  "    link: { type: host, shared: true }\n",
  "network: { bandwidthBytesPerSecond: 125.0e6 }\n",
);
