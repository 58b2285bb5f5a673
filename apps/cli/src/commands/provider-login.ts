import { openDataFolder } from "@darkbloom/protocol/node";
import { command } from "../command.ts";
import { WrongUsage } from "../failure.ts";
import { JOIN_TOKEN_FILE } from "../machine-folder.ts";
import { outputOf } from "../output.ts";
import { settings } from "../settings.ts";
import { lineFromStdin } from "../stdin-line.ts";

export const providerLogin = command({
  path: "provider login",
  does: "Keep the network's join token in the data folder. A coordinator on this same machine needs none.",
  examples: ["provider login --data /var/lib/darkbloom < token.txt", "provider login --token YOUR-JOIN-TOKEN"],
  needs: { token: "optional", data: { default: ".darkbloom/provider" }, json: { default: "false" } },
  async run({ token, data, json }) {
    const secret = token ?? (await tokenFromStdin());
    await using folder = await openDataFolder(data, "provider");
    folder.write(JOIN_TOKEN_FILE, `${secret}\n`);
    outputOf(json).result(
      { saved: folder.file(JOIN_TOKEN_FILE) },
      () => `The join token is kept in ${folder.file(JOIN_TOKEN_FILE)}.`,
    );
    return 0;
  },
});

async function tokenFromStdin(): Promise<string> {
  const line = await lineFromStdin("Paste the join token that the operator gave you, and press Enter.");
  const token = settings.token.read(line);
  if (token === undefined) throw new WrongUsage(`The join token must be ${settings.token.mustBe}.`);
  return token;
}
