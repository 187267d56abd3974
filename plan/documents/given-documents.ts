import type { z } from "zod";
import type { calibrationSchema } from "./calibration.ts";
import type { catalogSchema } from "./catalog.ts";
import type { clusterSchema } from "./cluster.ts";
import type { pricesSchema } from "./prices.ts";
import type { writtenWorkloadSchema } from "./written-workload.ts";

// Documents as a person writes them: what has a default may be left out.
export type WorkloadDocument = z.input<typeof writtenWorkloadSchema>;
export type ClusterDocument = z.input<typeof clusterSchema>;
export type CatalogDocument = z.input<typeof catalogSchema>;
export type CalibrationDocument = z.input<typeof calibrationSchema>;
export type PricesDocument = z.input<typeof pricesSchema>;
