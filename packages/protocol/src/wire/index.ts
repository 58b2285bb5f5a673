export * from "./provider-messages.ts";
export * from "./registration.ts";
export * from "./well-known.ts";
