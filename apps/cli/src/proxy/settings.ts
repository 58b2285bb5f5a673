import { oneOf, yesOrNo } from "../setting-readers.ts";

/** A key's id or a key: letters, digits, hyphens. */
const KEY_SHAPE = /^[\w-]{1,128}$/;

const MODEL_SHAPE = /^[\w.:/-]{1,256}$/;

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
    means:
      "who may read: with 'sealed' up to four machines that are as the policy wants them, and not the coordinator; with 'transparent' the coordinator and the machine that answers",
    mustBe: "sealed or transparent",
    read: oneOf(["sealed", "transparent"]),
  },
  open: {
    means: "take requests of every program on this machine, without a token",
    mustBe: "true or false",
    read: yesOrNo,
  },
  undo: {
    means: "take out what was written, and put back what stood there",
    mustBe: "true or false",
    read: yesOrNo,
  },
  useModel: {
    value: "MODEL",
    means: "the model that the program is to ask for, as GET /v1/models lists it",
    mustBe: "a model's id",
    read: (given: string): string | undefined => (MODEL_SHAPE.test(given) ? given : undefined),
  },
  yes: { means: "do it without asking", mustBe: "true or false", read: yesOrNo },
  requireLog: {
    means:
      "send nothing to a machine whose keys the coordinator's log does not hold, nor where the log did not only grow",
    mustBe: "true or false",
    read: yesOrNo,
  },
};
