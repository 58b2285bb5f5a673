import { expect, it } from "vitest";
import { injectingNames, scrubbedEnvironment } from "./environment.ts";

/** Goal: what is not on the list stays out, and a new name is not on it. Method: one name per line. */
it.each<[name: string, stays: boolean]>([
  ["PATH", true],
  ["HOME", true],
  ["LC_ALL", true],
  ["CUDA_VISIBLE_DEVICES", true],
  ["DARKBLOOM_DATA", true],
  ["DARKBLOOM_SUPERVISED", true],
  ["DARKBLOOM_TOKEN", true],
  ["DARKBLOOM_IDENTITY", true],
  ["DARKBLOOM_TPM", true],
  ["DARKBLOOM_API_KEY", false],
  ["DARKBLOOM_CORS_ORIGIN", false],
  ["DARKBLOOM_JOIN_TOKEN", false],
  ["DARKBLOOM_ADMIN_KEY", false],
  ["OPENAI_API_KEY", false],
  ["AWS_SECRET_ACCESS_KEY", false],
  ["SSH_AUTH_SOCK", false],
  ["NODE_OPTIONS", false],
  ["NODE_PATH", false],
  ["LD_PRELOAD", false],
  ["LD_LIBRARY_PATH", false],
  ["DYLD_INSERT_LIBRARIES", false],
  ["GGML_BACKEND_PATH", false],
  ["PATH_TO_SOMETHING", false],
  ["path", false],
])("%s stays: %s", (name, stays) => {
  expect(Object.keys(scrubbedEnvironment({ [name]: "x" }))).toEqual(stays ? [name] : []);
});

/** Goal: what can load code is named, and what is empty or harmless is not. Method: a few of each. */
it("names what loads foreign code, without its value", () => {
  const environment = { NODE_OPTIONS: "--require /tmp/x", LD_PRELOAD: "", DYLD_LIBRARY_PATH: "/x", PATH: "/bin" };
  expect(injectingNames(environment)).toEqual(["DYLD_LIBRARY_PATH", "NODE_OPTIONS"]);
});
