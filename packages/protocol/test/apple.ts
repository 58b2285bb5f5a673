import type { PinnedRoot } from "../src/evidence/index.ts";
import { ca, certify, testKeys, type CertificatePlan, type Party } from "./certificates.ts";
import { pinnedByItself } from "./keys.ts";

/**
 * A CA of our own in the shape of Apple's: P-384 above, and leaves with Apple's extensions. Nothing here was made
 * by Apple.
 */

/** Three certificates, so that a test can change each. */
export interface AppleShape {
  readonly root: Party;
  readonly intermediate: Party;
  readonly rootDer: Uint8Array<ArrayBuffer>;
  readonly intermediateDer: Uint8Array<ArrayBuffer>;
  readonly ofIntermediate: CertificatePlan;
  /** The root's fingerprint is our own pin: as a root it is the real thing. */
  readonly pinned: PinnedRoot;
}

export async function appleShape(what: "Enterprise" | "App"): Promise<AppleShape> {
  const inName = "O=Test Inc., C=US";
  const root = { name: `CN=Test ${what} Attestation Root CA, ${inName}`, keys: await testKeys("p384") };
  const intermediate = { name: `CN=Test ${what} Attestation Sub CA 1, ${inName}`, keys: await testKeys("p384") };
  const rootDer = await certify({ subject: root, issuer: root, hash: "SHA-384", ...ca });
  const ofIntermediate: CertificatePlan = {
    subject: intermediate,
    issuer: root,
    hash: "SHA-384",
    ...ca,
    basicConstraints: { ca: true, pathLength: 0 },
  };
  return {
    root,
    intermediate,
    rootDer,
    intermediateDer: await certify(ofIntermediate),
    ofIntermediate,
    pinned: pinnedByItself(rootDer),
  };
}
