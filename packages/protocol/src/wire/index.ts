export * from "./provider-messages.ts";
export * from "./records.ts";
export * from "./registration.ts";
export * from "./request-record.ts";
export * from "./well-known.ts";
