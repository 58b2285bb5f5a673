/** What every command takes that is about a user's session at a coordinator. */
export const sessionNeeds = {
  coordinator: { default: "http://127.0.0.1:8080" },
  config: "optional",
  json: { default: "false" },
} as const;
