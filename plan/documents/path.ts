import { z } from "zod";

/** Where a file or a folder lay. No system takes a name with a null character. */
export const placeSchema = z.string().refine((text) => !text.includes("\0"), "a path without a null character");

/** Where one is, as a person writes it. */
export const pathSchema = placeSchema.min(1);
