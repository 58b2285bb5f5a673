import { DatabaseError } from "@darkbloom/coordinator/adapters/database-file";
import { CLEARING_DAYS_DEFAULT } from "@darkbloom/coordinator/ledger/clearing";
import { startCoordinator } from "@darkbloom/coordinator/start-coordinator";
import { codeSha256 } from "@darkbloom/provider/posture/code-hash";
import { limitCoreDumps } from "@darkbloom/provider/posture/hardening";
import { command } from "../command.ts";
import { plainDatabaseWarning } from "../database-setting.ts";
import { WrongUsage } from "../failure.ts";
import { isLoopback, listenFailure, noTokenNote, plaintextWarning, reachableUrl } from "../listening.ts";
import { plainNatsWarning } from "../nats-setting.ts";
import { note, outputOf } from "../output.ts";
import { noWebhookNote, readStripe } from "../payment-settings.ts";
import { needRevocations } from "../revocations.ts";
import { DRAIN_SEC_DEFAULT, isSupervised, listenForStop } from "../stop.ts";
import { openIdOf } from "../open-id-settings.ts";
import { mailOf } from "../sign-in-settings.ts";
import { readTrustFiles } from "../trust-files.ts";
import { version } from "../version.ts";

export const coordinator = command({
  path: "coordinator",
  does: "Run a coordinator: the API, the accounts and the choice of providers.",
  examples: [
    "coordinator --port 8080 --data /var/lib/darkbloom",
    "coordinator --host :: --trust-proxy --cors-origin https://app.example.com",
    "coordinator --host :: --approve-machines",
    "coordinator --sign-up open --smtp file:/etc/darkbloom/smtp --mail-from darkbloom@example.com",
    "coordinator --public-url https://api.example.com --openid-issuer https://login.example.com --openid-client-id darkbloom",
    "coordinator --host :: --trust-proxy --stripe-key-file ./stripe.key --stripe-webhook-file ./stripe.webhook",
    "coordinator --alias claude-sonnet-5=qwen3-8b --alias gpt-5=qwen3-8b",
    "coordinator --port 0 --data ./net --json --log-level warn",
  ],
  needs: {
    port: { default: "8080" },
    host: { default: "127.0.0.1" },
    data: { default: ".darkbloom/coordinator" },
    database: "optional",
    nats: "optional",
    alias: "optional",
    corsOrigin: "optional",
    trustProxy: { default: "false" },
    hideUnserved: { default: "false" },
    joinToken: "optional",
    approveMachines: { default: "false" },
    minTrust: { default: "self_signed" },
    serialDisclosure: { default: "serial" },
    revoked: "optional",
    tpmRoot: "optional",
    appleRoot: "optional",
    pcrPolicy: "optional",
    platformFeePercent: { default: "10" },
    receiptDays: { default: "90" },
    clearingDays: { default: String(CLEARING_DAYS_DEFAULT) },
    payouts: { default: "off" },
    stripeKeyFile: "optional",
    stripeWebhookFile: "optional",
    stripeApi: "optional",
    depositMax: { default: "1000" },
    logWitness: "optional",
    requestsPerMinute: { default: "1200" },
    signUp: { default: "closed" },
    signUpGrant: { default: "0" },
    smtp: "optional",
    mailFrom: "optional",
    publicUrl: "optional",
    openidIssuer: "optional",
    openidClientId: "optional",
    openidClientSecret: "optional",
    openidName: "optional",
    openidScopes: { default: "openid email profile" },
    openidGroupsClaim: { default: "groups" },
    openidAllowGroups: "optional",
    openidOperatorGroups: "optional",
    openidJoinByMail: { default: "false" },
    drainTimeout: { default: DRAIN_SEC_DEFAULT },
    logLevel: { default: "info" },
    json: { default: "false" },
  },
  async run({ port, host, data, database, nats, corsOrigin, requestsPerMinute, json, ...as }) {
    if (nats !== undefined && database === undefined) throw new WrongUsage(natsNeedsDatabase);
    // Prompts in transparent mode go through its memory.
    limitCoreDumps();
    let countRunning = () => 0;
    const stop = listenForStop(as.drainTimeout, () => countRunning());
    if (!isSupervised && !isLoopback(host)) {
      note(plaintextWarning(host));
      if (as.joinToken === undefined) note(noTokenNote);
    }
    const insecure = database === undefined ? undefined : plainDatabaseWarning(database);
    if (insecure !== undefined) note(insecure);
    const open = nats === undefined ? undefined : plainNatsWarning(nats);
    if (open !== undefined) note(open);
    const stripe = readStripe(as);
    if (stripe?.webhookSecrets.length === 0) note(noWebhookNote);
    const taken = Promise.withResolvers<DatabaseError>();
    const running = await startCoordinator({
      port,
      host,
      dataPath: data,
      database,
      nats,
      onDatabaseTaken: taken.resolve,
      aliases: as.alias ?? [],
      corsOrigins: corsOrigin ?? [],
      trustProxy: as.trustProxy,
      // `up` is for its owner's programs; a page in the owner's browser is none of them.
      ownHostOnly: isSupervised && isLoopback(host) && !as.trustProxy,
      hideUnserved: as.hideUnserved,
      ...(as.joinToken !== undefined && { joinToken: as.joinToken }),
      approveMachines: as.approveMachines,
      minTrust: as.minTrust,
      trust: readTrustFiles(as),
      serialDisclosure: as.serialDisclosure,
      ...(as.revoked !== undefined && { revoked: needRevocations(as.revoked, () => note(unreadableList(as.revoked))) }),
      platformFeePercent: as.platformFeePercent,
      receiptDays: as.receiptDays,
      clearingDays: as.clearingDays,
      payouts: as.payouts,
      stripe,
      depositMax: as.depositMax,
      witnesses: as.logWitness ?? [],
      codeSha256: () => codeSha256(),
      requestsPerSec: requestsPerMinute / 60,
      requestsBurst: Math.max(1, Math.round(requestsPerMinute / 10)),
      signUp: { signUp: as.signUp, grantMicroUsd: as.signUpGrant },
      mail: mailOf(as),
      openId: openIdOf(as),
      publicUrl: as.publicUrl,
      logLevel: as.logLevel,
      version,
    }).catch((error: unknown) => {
      throw listenFailure(error, host, port);
    });
    countRunning = () => running.serving;
    const { baseUrl } = running;
    // `up` makes one for the owner of its key.
    const signIn = isSupervised ? undefined : (as.publicUrl ?? reachableUrl(baseUrl)) + (await running.signInLink());
    outputOf(json).result(
      {
        event: "ready",
        base_url: baseUrl,
        openai_base_url: `${baseUrl}/v1`,
        ...(signIn !== undefined && { sign_in_url: signIn }),
      },
      () =>
        `The coordinator listens on ${baseUrl} (base URL of OpenAI's SDKs: ${baseUrl}/v1)\n` +
        `Its operator signs in, once and within ten minutes, at ${signIn}`,
    );
    const onProgress = (left: number) => note(`${left} ${left === 1 ? "request still runs" : "requests still run"}.`);
    const over = await Promise.race([stop.asked, taken.promise]);
    if (!(over instanceof DatabaseError)) {
      await running.stop({ ...over, onProgress });
      return 0;
    }
    // Nothing that still runs could be settled here.
    await running.stop({ drainMs: 0 });
    throw over;
  },
});

const natsNeedsDatabase =
  "--nats (DARKBLOOM_NATS) goes with --database (DARKBLOOM_DATABASE): several coordinators keep what they have in PostgreSQL, and a data folder's own database is one process's alone.";

const unreadableList = (path = ""): string =>
  `Warning: ${path} is no revocation list any more. The last one that could be read stays in force; put a whole one in its place.`;
