import { expect, it } from "vitest";
import { idle } from "../machines/members.samples.ts";
import type { MachineView } from "../machines/ports.ts";
import { describedFrom, loadFrom, loadWords, restWords } from "./machine-words.ts";
import { words } from "./words.ts";

const evidence = {
  blob: Uint8Array.of(1),
  blobSignature: Uint8Array.of(2),
  offer: Uint8Array.of(3),
  offerSignature: Uint8Array.of(4),
};

const busy: MachineView = {
  ...idle,
  toldSerial: undefined,
  openers: [
    { evidenceSha256: idle.evidenceSha256, keyId: "new", untilMs: Number.POSITIVE_INFINITY },
    { evidenceSha256: idle.evidenceSha256, keyId: "old", untilMs: 1_500 },
  ],
  attestedUntilMs: 61_000,
  distrustedUntilMs: 900,
  draining: true,
  running: 2,
  pace: { firstContentMs: 12.5, promptMsPerByte: undefined, decodeTokensPerSec: 40, measuredAtMs: 400 },
  conduct: { faultsAtMs: [100, 999], ejectedUntilMs: 31_000, isProbed: true },
};

/**
 * Goal: a machine looks elsewhere as it does at home, at the same moment, whatever either's monotonic clock says. Method: tell of it, as the bus
 * would carry it, to a clock that is far ahead; everything that is a time differs by just that.
 */
it.each([
  ["idle", idle],
  ["busy", busy],
])("tells of a machine as it is: %s", (_what, view) => {
  const [nowMs, thereMs] = [1_000, 5_000_000];
  const machine = {
    providerId: view.providerId,
    load: loadWords(view, nowMs),
    rest: restWords(view, { machine: view, evidence }, { generation: 3, sharedMs: 7 }, nowMs),
  };
  const carried: unknown = JSON.parse(JSON.stringify({ type: "changed", fleet: 1, machines: [machine], left: [] }));
  const said = words.parse(carried);
  const [heard] = said.type === "changed" ? said.machines : [];
  if (!heard?.rest) throw new Error("it was not understood");
  const seen = {
    providerId: heard.providerId,
    ...describedFrom(heard.rest.described, thereMs),
    ...loadFrom(heard.load, thereMs),
  };
  const later = (ms: number) => ms + thereMs - nowMs;
  expect(seen).toEqual({
    ...view,
    openers: view.openers.map((opener) => ({ ...opener, untilMs: later(opener.untilMs) })),
    attestedUntilMs: later(view.attestedUntilMs),
    distrustedUntilMs: later(view.distrustedUntilMs),
    pace: { ...view.pace, measuredAtMs: later(view.pace.measuredAtMs) },
    conduct: {
      ...view.conduct,
      faultsAtMs: view.conduct.faultsAtMs.map(later),
      ejectedUntilMs: later(view.conduct.ejectedUntilMs),
    },
  });
  expect(heard.rest).toMatchObject({ generation: 3, sharedMs: 7, evidence: { blob: "AQ==" } });
});
