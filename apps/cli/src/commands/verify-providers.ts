import { fromBase64OrNothing, toBase64Url, toHex } from "@darkbloom/protocol/bytes";
import {
  atLeast,
  coordinatorKeyId,
  evidenceFrom,
  failuresOf,
  readBlob,
  verifyPublished,
  type Attestation,
  type Verdict,
} from "@darkbloom/protocol/evidence";
import { printable } from "@darkbloom/protocol/printable";
import { nodeCrypto, systemRandom } from "@darkbloom/protocol/node";
import { fetchAttestations } from "../attestations.ts";
import { command } from "../command.ts";
import { columns, note, outputOf, wordsOf } from "../output.ts";
import { needRevocations } from "../revocations.ts";
import { readTrustFiles } from "../trust-files.ts";

const NONCE_BYTES = 32;

export const verifyProviders = command({
  path: "verify providers",
  does: "Verify every machine of a network from outside: fetch what it shows, then check it here, step by step. Exit code 1 where a check fails or a level is below --min.",
  examples: [
    "verify providers --coordinator http://127.0.0.1:8080",
    "verify providers --coordinator https://coordinator.example.com --api-key eigeninference-…",
    "verify providers --coordinator https://coordinator.example.com --min hardware --json",
  ],
  needs: {
    coordinator: "required",
    apiKey: "optional",
    min: { default: "self_signed" },
    revoked: "optional",
    tpmRoot: "optional",
    appleRoot: "optional",
    pcrPolicy: "optional",
    coordinatorKey: "optional",
    json: { default: "false" },
  },
  async run({ coordinator, apiKey, min, revoked, coordinatorKey, json, ...files }) {
    const output = outputOf(json);
    const revocations = revoked === undefined ? undefined : needRevocations(revoked).current();
    const trust = readTrustFiles(files);
    const coordinatorKeys = new Map(coordinatorKey && [[coordinatorKeyId(nodeCrypto, coordinatorKey), coordinatorKey]]);
    const nonce = apiKey === undefined ? undefined : systemRandom.bytes(NONCE_BYTES);
    if (nonce) note("Asking every machine to answer over a nonce of ours; this takes up to 40 seconds.");
    else note("Without --api-key no machine is asked anew: its latest challenge, up to 16 minutes old, is verified.");
    const { providers } = await fetchAttestations(coordinator, apiKey, nonce && toBase64Url(nonce));

    // From here on nothing is asked of anybody.
    const now = Date.now();
    const policy = { ...trust, coordinatorKeys, ...(nonce && { nonce }), ...(revocations && { revocations }) };
    const verified: { readonly machine: Attestation; readonly verdict: Verdict }[] = [];
    for (const machine of providers)
      verified.push({ machine, verdict: await verifyPublished(nodeCrypto, machine, policy, now) });
    const bad = verified.filter(({ machine, verdict }) => !isGood(machine, verdict) || !atLeast(verdict.level, min));
    for (const { machine, verdict } of verified)
      output.result(
        {
          event: "provider",
          serial: machine.provider_serial,
          identity_sha256: identityOf(machine),
          provider_id: machine.provider_id,
          ...verdict,
        },
        () => `${stepsOf(machine, verdict)}\n`,
      );
    output.result({ event: "summary", machines: verified.length, refused: bad.length, min }, () =>
      verified.length === 0
        ? "No machine is connected, so there is nothing to verify."
        : `${verified.length - bad.length} of ${verified.length} ${verified.length === 1 ? "machine" : "machines"} verified at level ${min} or above.`,
    );
    return bad.length > 0 || verified.length === 0 ? 1 : 0;
  },
});

/** What a revocation list names. */
const identityOf = ({ se_public_key }: Attestation): string =>
  toHex(nodeCrypto.sha256(fromBase64OrNothing(se_public_key)));

/** A protection that is off and that no level asks for is shown, and is no reason to refuse a machine that admits it. */
function isGood({ evidence }: Attestation, { checks }: Verdict): boolean {
  const blob = readBlob(evidenceFrom(evidence).blob);
  return blob !== undefined && failuresOf(checks, blob.platform).length === 0;
}

function stepsOf(machine: Attestation, { level, checks }: Verdict): string {
  const steps = checks.map((check) => ["", check.status, check.id, wordsOf(check)]);
  const name = printable(machine.provider_serial ?? machine.provider_id);
  return `${name}: ${level}\nIdentity ${identityOf(machine)}\n${columns(steps)}`;
}
