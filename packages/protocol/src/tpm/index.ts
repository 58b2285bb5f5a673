export * from "./attest.ts";
export * from "./codec.ts";
export * from "./constants.ts";
export * from "./event-log.ts";
export * from "./pcrs.ts";
export * from "./public-area.ts";
export * from "./signature.ts";
