import type { Command } from "../command.ts";
import type { Group } from "../program.ts";

export const groups: readonly Group[] = [
  {
    name: "provider",
    does: "Serve a network with this machine.",
    example: "provider status --data .darkbloom/provider-1",
  },
  {
    name: "models",
    does: "Look into model files.",
    example: "models inspect ./Qwen3-8B-Q8_0.gguf",
  },
  { name: "keys", does: "Make, change and revoke API keys.", example: "keys create --credit 5.00" },
  {
    name: "machines",
    does: "See which machines are here, and decide which may serve.",
    example: "machines list --data .darkbloom",
  },
  {
    name: "account",
    does: "See who can sign in, let people in and out, pay out what was earned, and read what was changed.",
    example: "account link --data .darkbloom",
  },
  { name: "ledger", does: "Look after the books.", example: "ledger check" },
  {
    name: "verify",
    does: "Check from outside what a network shows.",
    example: "verify providers --coordinator http://127.0.0.1:8080",
  },
];

/** By their paths, in the order of the help. What a command stands on takes longer to load than the most that it does. */
const loaders: ReadonlyMap<string, () => Promise<Command>> = new Map([
  ["up", async () => (await import("./up.ts")).up],
  ["coordinator", async () => (await import("./coordinator.ts")).coordinator],
  ["provider start", async () => (await import("./provider-start.ts")).providerStart],
  ["provider status", async () => (await import("./provider-status.ts")).providerStatus],
  ["provider doctor", async () => (await import("./provider-doctor.ts")).providerDoctor],
  ["provider models", async () => (await import("./provider-models.ts")).providerModels],
  ["provider benchmark", async () => (await import("./provider-benchmark.ts")).providerBenchmark],
  ["provider login", async () => (await import("./provider-login.ts")).providerLogin],
  ["provider logout", async () => (await import("./provider-logout.ts")).providerLogout],
  ["provider earnings", async () => (await import("./provider-earnings.ts")).providerEarnings],
  ["provider attest", async () => (await import("./provider-attest.ts")).providerAttest],
  ["provider stop", async () => (await import("./provider-stop.ts")).providerStop],
  ["models inspect", async () => (await import("./models-inspect.ts")).modelsInspect],
  ["keys create", async () => (await import("./keys-create.ts")).keysCreate],
  ["keys list", async () => (await import("./keys-list.ts")).keysList],
  ["keys show", async () => (await import("./keys-show.ts")).keysShow],
  ["keys edit", async () => (await import("./keys-edit.ts")).keysEdit],
  ["keys disable", async () => (await import("./keys-edit.ts")).keysDisable],
  ["keys enable", async () => (await import("./keys-edit.ts")).keysEnable],
  ["keys rotate", async () => (await import("./keys-rotate.ts")).keysRotate],
  ["keys revoke", async () => (await import("./keys-revoke.ts")).keysRevoke],
  ["machines list", async () => (await import("./machines-list.ts")).machinesList],
  ["machines approve", async () => (await import("./machines-decide.ts")).machinesApprove],
  ["machines refuse", async () => (await import("./machines-decide.ts")).machinesRefuse],
  ["machines forgive", async () => (await import("./machines-forgive.ts")).machinesForgive],
  ["account link", async () => (await import("./account-link.ts")).accountLink],
  ["account list", async () => (await import("./account-list.ts")).accountList],
  ["account disable", async () => (await import("./account-disable.ts")).accountDisable],
  ["account enable", async () => (await import("./account-disable.ts")).accountEnable],
  ["account export", async () => (await import("./account-export.ts")).accountExport],
  ["account erase", async () => (await import("./account-erase.ts")).accountErase],
  ["account invite", async () => (await import("./account-invite.ts")).accountInvite],
  ["account invites", async () => (await import("./account-invites.ts")).accountInvites],
  ["account revoke-invite", async () => (await import("./account-revoke-invite.ts")).accountRevokeInvite],
  ["account payouts", async () => (await import("./account-payouts.ts")).accountPayouts],
  ["account take-payouts", async () => (await import("./account-payouts.ts")).accountTakePayouts],
  ["account mark-paid", async () => (await import("./account-mark-payout.ts")).accountMarkPaid],
  ["account mark-failed", async () => (await import("./account-mark-payout.ts")).accountMarkFailed],
  ["account audit", async () => (await import("./account-audit.ts")).accountAudit],
  ["login", async () => (await import("./login.ts")).login],
  ["logout", async () => (await import("./logout.ts")).logout],
  ["whoami", async () => (await import("./whoami.ts")).whoami],
  ["credit", async () => (await import("./credit.ts")).credit],
  ["ledger check", async () => (await import("./ledger-check.ts")).ledgerCheck],
  ["backup", async () => (await import("./backup.ts")).backup],
  ["proxy", async () => (await import("./proxy.ts")).proxy],
  ["proxy setup", async () => (await import("./proxy-setup.ts")).proxySetup],
  ["verify providers", async () => (await import("./verify-providers.ts")).verifyProviders],
  ["verify response", async () => (await import("./verify-answer.ts")).verifyResponse],
  ["verify receipt", async () => (await import("./verify-answer.ts")).verifyReceiptCommand],
  ["verify log", async () => (await import("./verify-log.ts")).verifyLog],
]);

/** The command that a command line begins with, alone; all of them where it begins with none. */
export async function commandsFor(words: readonly string[]): Promise<Command[]> {
  const [first = "", second = ""] = words;
  const named = loaders.get(`${first} ${second}`) ?? loaders.get(first);
  return await Promise.all((named ? [named] : [...loaders.values()]).map((load) => load()));
}
