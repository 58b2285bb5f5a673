import { readFileSync, statSync } from "node:fs";
import { keepMdaChain, mdaNonce } from "@darkbloom/provider/identity/apple-mda";
import { openIdentity } from "@darkbloom/provider/identity/identity";
import { TPM_DEVICE } from "@darkbloom/provider/identity/tpm/transport";
import { platformHere } from "@darkbloom/provider/posture/machine";
import { toBase64 } from "@darkbloom/protocol/bytes";
import { openDataFolder, systemClock } from "@darkbloom/protocol/node";
import { command } from "../command.ts";
import { WrongUsage } from "../failure.ts";
import { runningElsewhere } from "../machine-folder.ts";
import { note, outputOf } from "../output.ts";

/** Far above any chain of a device. */
const CHAIN_BYTES_MAX = 256 * 1024;

export const providerAttest = command({
  path: "provider attest",
  does: "Have Apple vouch for this Mac (Managed Device Attestation): print the nonce that its management must send, then keep the certificates that come back.",
  examples: [
    "provider attest --data .darkbloom/provider",
    "provider attest --data .darkbloom/provider --chain attestation.pem",
  ],
  needs: {
    data: { default: ".darkbloom/provider" },
    chain: "optional",
    identity: { default: "auto" },
    json: { default: "false" },
  },
  async run({ data, chain, identity, json }) {
    const output = outputOf(json);
    if (platformHere !== "macos") note("Warning: this machine is no Mac, and Apple vouches for nothing else.");
    const isNew = statSync(data, { throwIfNoEntry: false }) === undefined;
    const elsewhere = isNew ? await runningElsewhere(data) : undefined;
    if (elsewhere !== undefined)
      note(`No provider has used ${data} yet; it becomes another machine's folder. ${elsewhere}`);
    await using folder = await openDataFolder(data, "provider");
    if (chain !== undefined) {
      const certificates = keepMdaChain(folder, textOf(chain));
      output.result(
        { kept: certificates },
        () =>
          `${certificates === 1 ? "1 certificate is" : `${certificates} certificates are`} kept. Start the provider again; 'darkbloom provider status' then says what they show.`,
      );
      return 0;
    }
    const place = { address: { device: TPM_DEVICE }, clock: systemClock };
    await using opened = await openIdentity(folder, identity, place);
    const nonce = toBase64(mdaNonce(folder, opened.signer.publicKey));
    output.result({ device_attestation_nonce: nonce }, () =>
      [
        `Nonce: ${nonce}`,
        "",
        "Have the device management (MDM) of this Mac send a DeviceInformation command with",
        "  Queries: DevicePropertiesAttestation, and DeviceAttestationNonce: the nonce above.",
        "Save the certificates that it gets back as one PEM file, the device's own first, and run this again with --chain FILE.",
      ].join("\n"),
    );
    return 0;
  },
});

function textOf(path: string): string {
  const size = statSync(path, { throwIfNoEntry: false })?.size;
  if (size === undefined) throw new WrongUsage(`--chain names ${path}, and there is no such file.`);
  if (size > CHAIN_BYTES_MAX) throw new WrongUsage(`--chain names ${path}, which is too large to be meant.`);
  return readFileSync(path, "utf8");
}
