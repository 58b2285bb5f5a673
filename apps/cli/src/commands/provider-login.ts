import { hostname } from "node:os";
import { openDataFolder, systemClock } from "@darkbloom/protocol/node";
import { openIdentity } from "@darkbloom/provider/identity/identity";
import { serialIn } from "@darkbloom/provider/identity/serial";
import { TPM_DEVICE } from "@darkbloom/provider/identity/tpm/transport";
import { command } from "../command.ts";
import { WrongUsage } from "../failure.ts";
import { assertPrivate } from "../login/ask.ts";
import { machineByDevice } from "../login/machine.ts";
import { showAsking } from "../login/show.ts";
import { JOIN_TOKEN_FILE, MACHINE_TOKEN_FILE } from "../machine-folder.ts";
import { outputOf, type Output } from "../output.ts";
import { baseOf } from "../published.ts";
import { settings } from "../settings.ts";
import { lineFromStdin } from "../stdin-line.ts";

export const providerLogin = command({
  path: "provider login",
  does: "Make this machine somebody's: who is signed in at the coordinator lets it in. Or, without --coordinator, keep the network's join token in the data folder.",
  examples: [
    "provider login --coordinator https://api.example.com --data /var/lib/darkbloom",
    "provider login --data /var/lib/darkbloom < token.txt",
    "provider login --token YOUR-JOIN-TOKEN",
  ],
  needs: {
    coordinator: "optional",
    token: "optional",
    data: { default: ".darkbloom/provider" },
    identity: { default: "auto" },
    tpm: { default: TPM_DEVICE },
    json: { default: "false" },
  },
  async run({ coordinator, token, data, identity, tpm, json }) {
    const output = outputOf(json);
    if (coordinator && token === undefined) {
      assertPrivate(coordinator);
      return await link(output, { coordinator, data, identity, tpm });
    }
    const secret = token ?? (await tokenFromStdin());
    await using folder = await openDataFolder(data, "provider");
    folder.write(JOIN_TOKEN_FILE, `${secret}\n`);
    output.result(
      { saved: folder.file(JOIN_TOKEN_FILE) },
      () => `The join token is kept in ${folder.file(JOIN_TOKEN_FILE)}.`,
    );
    return 0;
  },
});

type Identity = Parameters<typeof openIdentity>;
interface Place {
  readonly coordinator: URL;
  readonly data: string;
  readonly identity: Identity[1];
  readonly tpm: Identity[2]["address"];
}

/** The folder is held meanwhile: the token is bound to the key that is in it. */
async function link(output: Output, { coordinator, data, identity, tpm }: Place): Promise<0> {
  await using folder = await openDataFolder(data, "provider");
  await using opened = await openIdentity(folder, identity, { address: tpm, clock: systemClock });
  const { publicKey } = opened.signer;
  const serial = await serialIn(folder, publicKey);
  const { token, machineId, account } = await machineByDevice(
    coordinator,
    { name: hostname(), serial, publicKey },
    { clock: systemClock, show: (asking) => showAsking(output, asking) },
  );
  folder.write(MACHINE_TOKEN_FILE, `${baseOf(coordinator).href}\n${token}\n`);
  const file = folder.file(MACHINE_TOKEN_FILE);
  output.result(
    { event: "linked", machine_id: machineId, account, coordinator: coordinator.href, file },
    () =>
      `This machine, ${machineId}, is let in as ${account}'s at ${coordinator.href}. It is theirs once it has connected: darkbloom provider start. Its token is kept in ${file}.`,
  );
  return 0;
}

async function tokenFromStdin(): Promise<string> {
  const line = await lineFromStdin("Paste the join token that the operator gave you, and press Enter.");
  const token = settings.token.read(line);
  if (token === undefined) throw new WrongUsage(`The join token must be ${settings.token.mustBe}.`);
  return token;
}
