import { oneOf, yesOrNo } from "../setting-readers.ts";

/** A key's id or a key: letters, digits, hyphens. */
const KEY_SHAPE = /^[\w-]{1,128}$/;

/** Rows of the table of all settings that a proxy has, and but for the first nobody else. */
export const proxySettings = {
  key: {
    value: "KEY_ID",
    means: "the account of this key, e.g. key_9b1e…; of a proxy its API key, as --api-key",
    mustBe: "a key id, or of a proxy an API key",
    secret: true,
    read: (given: string): string | undefined => (KEY_SHAPE.test(given) ? given : undefined),
  },
  mode: {
    value: "MODE",
    means: "who may read: with 'transparent' the coordinator and the machine that answers",
    mustBe: "transparent",
    read: oneOf(["transparent"]),
  },
  open: {
    means: "take requests of every program on this machine, without a token",
    mustBe: "true or false",
    read: yesOrNo,
  },
  requireLog: {
    means:
      "send nothing to a machine whose keys the coordinator's log does not hold, nor where the log did not only grow",
    mustBe: "true or false",
    read: yesOrNo,
  },
};
