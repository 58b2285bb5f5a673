import { utf8 } from "@darkbloom/protocol/bytes";
import type { HardwareEvidence } from "@darkbloom/protocol/evidence";
import type { Serial } from "@darkbloom/protocol/ids";
import { nodeCrypto, systemClock, systemRandom } from "@darkbloom/protocol/node";
import { expect, it } from "vitest";
import type { MachineName } from "./serial-names.ts";
import { MachineEvidence } from "./machine-evidence.ts";

const own = "C02XK0AAJG5J" as Serial;
const alias = "PS-W5N4W8GT4CB6" as Serial;
const tpm = {
  ekCertificates: [utf8("certificate")],
  ekPublic: utf8("ek"),
  akPublic: utf8("ak"),
  keyPublic: utf8("key"),
  certify: { attest: utf8("attest"), signature: utf8("signature") },
};
const challenge = { nonce: utf8("nonce"), callersRoot: null, answer: utf8("answer"), signature: utf8("signature") };
const shown = {
  blobBytes: utf8("blob"),
  blobSignature: utf8("signature"),
  offerBytes: utf8("offer"),
  offerSignature: utf8("signed offer"),
};

const names = {
  serial: { own, serial: own, told: own, alias: undefined, pins: [own] },
  pseudonym: { own, serial: alias, told: alias, alias, pins: [alias] },
} as const satisfies Record<string, MachineName>;
const unproven = {
  blob: shown.blobBytes,
  blobSignature: shown.blobSignature,
  offer: shown.offerBytes,
  offerSignature: shown.offerSignature,
};
const word = { statement: expect.any(Uint8Array) as unknown, signature: new Uint8Array(64), keyId: "k1" };
const { ekCertificates: _, ...unnamed } = tpm;

function evidenceOf(name: MachineName, hardware: HardwareEvidence | undefined, isActivated: boolean) {
  let sent: Uint8Array | undefined;
  const net = {
    clock: systemClock,
    random: systemRandom,
    crypto: nodeCrypto,
    countersigner: { keyId: "k1", publicKey: new Uint8Array(32), sign: () => new Uint8Array(64) },
    makeCredential: (_tpm: unknown, secret: Uint8Array) => {
      sent = secret;
      return { idObject: new Uint8Array(1), encSecret: new Uint8Array(1) };
    },
    policy: () => ({ pcrs: {} }),
  };
  const evidence = new MachineEvidence(net, name, hardware);
  evidence.activation.next();
  if (isActivated) evidence.activation.answered(sent);
  return evidence;
}

/**
 * Goal: all that a machine has shown goes into its verdict, and what is published behind a pseudonym has nothing that names
 * the machine, our own word on its TPM's key neither. Method: exactly these fields, none of them empty.
 */
it.each<
  [
    name: keyof typeof names,
    has: string,
    hardware: HardwareEvidence | undefined,
    isActivated: boolean,
    whole: object,
    published: object,
  ]
>([
  ["serial", "nothing else", undefined, false, {}, {}],
  ["serial", "a TPM", { tpm }, false, { hardware: { tpm } }, { hardware: { tpm } }],
  [
    "serial",
    "an activated TPM",
    { tpm },
    true,
    { hardware: { tpm }, activation: word },
    { hardware: { tpm }, activation: word },
  ],
  ["pseudonym", "nothing else", undefined, false, {}, {}],
  [
    "pseudonym",
    "an activated TPM",
    { tpm },
    true,
    { hardware: { tpm }, activation: word },
    { hardware: { tpm: { ...unnamed, ekPublic: new Uint8Array(0) } } },
  ],
])("of a machine under its %s that has %s", (name, _has, hardware, isActivated, whole, published) => {
  const evidence = evidenceOf(names[name], hardware, isActivated);
  expect(evidence.of(shown)).toStrictEqual({ ...unproven, ...whole });
  expect(evidence.of(shown, challenge)).toStrictEqual({ ...unproven, challenge, ...whole });
  expect(evidence.published(shown, challenge)).toStrictEqual({ ...unproven, challenge, ...published });
  // Nobody reads what a machine says that has shown nothing yet.
  expect(evidence.published(shown)).toStrictEqual(unproven);
});

it.each<[name: keyof typeof names, isActivated: boolean, judgedBy: object]>([
  ["serial", true, { activation: "pass" }],
  ["serial", false, { activation: "unknown" }],
  ["pseudonym", true, { activation: "pass", serialAlias: alias, ownSerial: own }],
])("a machine under its %s, activated %s, is judged by the policy and its own facts", (name, isActivated, judgedBy) => {
  const evidence = evidenceOf(names[name], { tpm }, isActivated);
  expect(evidence.policy("later")).toEqual({ pcrs: {}, moment: "later", ...judgedBy });
});
