import { utf8 } from "@darkbloom/protocol/bytes";
import type { Serial } from "@darkbloom/protocol/ids";
import { nodeCrypto, systemClock, systemRandom } from "@darkbloom/protocol/node";
import { expect, it } from "vitest";
import type { MachineName } from "../trust/serial-names.ts";
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
const shown = { blobBytes: utf8("blob"), blobSignature: utf8("signature") };

/**
 * Goal: all that names a machine goes into its verdict, and what is published behind a pseudonym has none of it, our own
 * word on its TPM's key neither. Method: an activated TPM, under its serial and under a pseudonym.
 */
it.each<[string, MachineName]>([
  ["serial", { own, serial: own, told: own, alias: undefined, pins: [own] }],
  ["pseudonym", { own, serial: alias, told: alias, alias, pins: [alias] }],
])("of a machine under its %s", (what, name) => {
  let sent: Uint8Array | undefined;
  const net = {
    clock: systemClock,
    random: systemRandom,
    crypto: nodeCrypto,
    countersigner: { keyId: "k1", publicKey: new Uint8Array(32), sign: () => new Uint8Array(64) },
    makeCredential: (_: unknown, secret: Uint8Array) => {
      sent = secret;
      return { idObject: new Uint8Array(1), encSecret: new Uint8Array(1) };
    },
    policy: () => ({ pcrs: {} }),
  };
  const evidence = new MachineEvidence(net, name, { tpm });
  evidence.activation.next();
  evidence.activation.answered(sent);
  const whole = evidence.of(shown, challenge);
  const published = evidence.published(shown, challenge);
  const unproven = { blob: shown.blobBytes, blobSignature: shown.blobSignature };
  expect(evidence.published(shown)).toEqual(unproven);
  expect(whole).toMatchObject({ blob: shown.blobBytes, hardware: { tpm }, activation: { keyId: "k1" } });
  if (what === "serial") {
    expect(published).toEqual(whole);
    expect(evidence.policy("later")).toEqual({ pcrs: {}, moment: "later", activation: "pass" });
    return;
  }
  const { ekCertificates: _, ...rest } = tpm;
  expect(published).toEqual({
    ...unproven,
    challenge,
    hardware: { tpm: { ...rest, ekPublic: new Uint8Array(0) } },
  });
  expect(evidence.policy("later")).toEqual({
    pcrs: {},
    moment: "later",
    activation: "pass",
    serialAlias: alias,
    ownSerial: own,
  });
});
