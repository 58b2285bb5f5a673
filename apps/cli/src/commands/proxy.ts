import { createDarkbloom, type Policy } from "@darkbloom/client";
import { toBase64 } from "@darkbloom/protocol/bytes";
import { openDataFolder, systemClock } from "@darkbloom/protocol/node";
import { verifierKey, type NoteKey } from "@darkbloom/protocol/log";
import { nodeCrypto } from "@darkbloom/protocol/node";
import { baseOf } from "../published.ts";
import { command } from "../command.ts";
import { WrongUsage } from "../failure.ts";
import { isLoopback, listenFailure, plaintextWarning } from "../listening.ts";
import { note, outputOf } from "../output.ts";
import { checkpointsIn } from "../proxy/checkpoints.ts";
import { Records } from "../proxy/records.ts";
import { serveProxy } from "../proxy/server.ts";
import { tokenOf, type ProxyToken } from "../proxy/token.ts";
import { needRevocations } from "../revocations.ts";
import { DRAIN_SEC_DEFAULT, listenForStop } from "../stop.ts";
import { readTrustFiles } from "../trust-files.ts";

export const proxy = command({
  path: "proxy",
  does: "Run a local endpoint for any program: it verifies the machines of a network, asks them, and hands out only what holds.",
  examples: [
    "proxy --coordinator https://coordinator.example.com --api-key eigeninference-…",
    "proxy --coordinator http://127.0.0.1:8080 --api-key eigeninference-… --min-trust self_signed --mode transparent",
    "proxy --coordinator https://coordinator.example.com --provider-serial C02X… --require-log --port 0 --json",
  ],
  needs: {
    coordinator: "required",
    apiKey: "optional",
    key: "optional",
    mode: { default: "sealed" },
    minTrust: "optional",
    providerSerial: "optional",
    port: { default: "8181" },
    host: { default: "127.0.0.1" },
    data: { default: ".darkbloom/proxy" },
    open: { default: "false" },
    corsOrigin: "optional",
    coordinatorKey: "optional",
    requireLog: { default: "false" },
    logKey: "optional",
    tpmRoot: "optional",
    appleRoot: "optional",
    pcrPolicy: "optional",
    revoked: "optional",
    drainTimeout: { default: DRAIN_SEC_DEFAULT },
    json: { default: "false" },
  },
  async run({ coordinator, host, port, data, open, json, corsOrigin, drainTimeout, ...rest }) {
    const running = new Set<Promise<void>>();
    const stop = listenForStop(drainTimeout, () => running.size);
    const apiKey = rest.apiKey ?? rest.key;
    if (apiKey === undefined) throw new WrongUsage("--api-key is missing (or DARKBLOOM_API_KEY in the environment).");
    if (open && !isLoopback(host))
      throw new WrongUsage(
        `--open takes requests without a token, and --host ${host} lets others send them: leave one of them out.`,
      );
    if (!isLoopback(host)) note(plaintextWarning(host));
    const output = outputOf(json);
    await using folder = await openDataFolder(data, "proxy");
    const policy = policyFrom(rest, folder.path);
    const token = open ? undefined : tokenOf(folder);
    const records = new Records(folder.path, () => systemClock.now());
    const shutdown = new AbortController();
    const darkbloom = createDarkbloom({ baseURL: coordinator.href, apiKey, policy, brokenStreams: "event" });
    const net = {
      darkbloom,
      coordinator: baseOf(coordinator),
      records,
      running,
      shutdown: shutdown.signal,
      door: { token: token?.token, corsOrigins: corsOrigin ?? [], host },
      facts: {
        coordinator: coordinator.href,
        mode: policy.mode,
        minTrust: policy.minTrust ?? (policy.pins ? "self_signed" : "hardware"),
        pins: policy.pins ?? [],
        since: new Date(systemClock.now()).toISOString(),
      },
    };
    const server = await serveProxy(net, { host, port }).catch((error: unknown) => {
      throw listenFailure(error, host, port);
    });
    const { baseUrl } = server;
    output.result(
      {
        event: "ready",
        base_url: baseUrl,
        openai_base_url: `${baseUrl}/v1`,
        ...(token && { token_file: token.file }),
        ...(token?.isNew && { token: token.token }),
      },
      () => welcome(baseUrl, token),
    );
    const { drainMs } = await stop.asked;
    const over = setTimeout(() => shutdown.abort(new Error("stopped")), drainMs);
    await server.drain();
    clearTimeout(over);
    await server.close();
    return 0;
  },
});

interface Told {
  readonly mode: NonNullable<Policy["mode"]>;
  readonly minTrust: "none" | "self_signed" | "hardware" | undefined;
  readonly providerSerial: readonly string[] | undefined;
  readonly coordinatorKey: Uint8Array | undefined;
  readonly requireLog: boolean;
  readonly logKey: NoteKey | undefined;
  readonly revoked: string | undefined;
  readonly tpmRoot: Parameters<typeof readTrustFiles>[0]["tpmRoot"];
  readonly appleRoot: string | undefined;
  readonly pcrPolicy: string | undefined;
}

/** What the flags ask for, as the client library takes it. @throws WrongUsage */
function policyFrom(told: Told, folder: string): Policy & Pick<Told, "mode"> {
  const { mode, minTrust, providerSerial: pins, coordinatorKey, requireLog, logKey, revoked } = told;
  if (minTrust === "none")
    throw new WrongUsage(
      "--min-trust must be self_signed or hardware: a proxy hands on nothing of a machine that shows nothing.",
    );
  const { roots, pcrs } = readTrustFiles(told);
  const revocations = revoked === undefined ? undefined : needRevocations(revoked).current();
  const tpm = (told.tpmRoot ?? []).flatMap(({ sha256 }, at) => {
    const certificate = roots?.tpm?.[at];
    return certificate ? [{ certificate, sha256 }] : [];
  });
  const [apple] = roots?.appleEnterprise ?? [];
  return {
    mode,
    ...(minTrust && { minTrust }),
    ...(pins && pins.length > 0 && { pins }),
    ...(coordinatorKey && { coordinatorKeys: [toBase64(coordinatorKey)], activationBy: "coordinator" }),
    ...((requireLog || logKey) && {
      log: { store: checkpointsIn(folder), ...(logKey && { key: verifierKey(nodeCrypto, logKey) }) },
    }),
    roots: { tpm, ...(apple && { apple }) },
    ...(pcrs && { pcrs }),
    ...(revocations && {
      revoked: { at: new Date(revocations.at).toISOString(), identityKeySha256: [...revocations.identityKeySha256] },
    }),
  };
}

function welcome(baseUrl: string, token: ProxyToken | undefined): string {
  const shown = token === undefined ? "any" : token.isNew ? token.token : `$(cat ${token.file})`;
  return `The proxy is ready.

  export OPENAI_BASE_URL=${baseUrl}/v1 OPENAI_API_KEY=${shown}
  export ANTHROPIC_BASE_URL=${baseUrl} ANTHROPIC_API_KEY=${shown}
${
  token === undefined
    ? "\nEvery program of this machine may use it (--open)."
    : `\nThe token lies in ${token.file}, and is shown here once.`
}
What was checked of each answer: ${baseUrl}/ (the token is the password) or ${baseUrl}/status. Ctrl-C stops it.`;
}
