import type { LossReason } from "@darkbloom/provider/events/events";

/** What a machine's owner reads of a connection that ended or never began: what is so, and what to do. */
interface Loss {
  readonly seen: string;
  readonly remedy: string;
}

const losses: Readonly<Record<LossReason, Loss>> = {
  name_unknown: {
    seen: "The name in the coordinator's URL leads to no address",
    remedy: "Check its spelling, and this machine's DNS.",
  },
  connection_refused: {
    seen: "Nothing listens at the coordinator's address",
    remedy: "Check the port in the URL, and that the coordinator or the proxy in front of it runs.",
  },
  no_answer: {
    seen: "Nothing answers at the coordinator's address",
    remedy: "Check the URL, and the firewalls on the way.",
  },
  unreachable: {
    seen: "The coordinator cannot be reached",
    remedy: "Check the URL, the network and that the coordinator runs.",
  },
  tls_failed: {
    seen: "What answers at the coordinator's address speaks no TLS with this machine",
    remedy: "Check scheme and port of the URL: it may be plain http:// there.",
  },
  certificate_untrusted: {
    seen: "The coordinator's certificate comes from an authority that this machine does not know",
    remedy:
      "If the operator runs an authority of his own, set NODE_EXTRA_CA_CERTS to a file with its certificate in PEM; if not, somebody stands between.",
  },
  certificate_out_of_date: {
    seen: "The coordinator's certificate is not valid at this time",
    remedy: "Its operator has to renew it; or this machine's clock is wrong.",
  },
  certificate_of_another_name: {
    seen: "The coordinator's certificate is for another name",
    remedy: "Use the name in the URL for which its operator had it made.",
  },
  redirected: {
    seen: "That address only sends on to another one",
    remedy: "Give the URL to which it leads; often it is https:// in place of http://.",
  },
  upgrade_lost: {
    seen: "The coordinator is there, and the proxy in front of it lets no WebSocket through",
    remedy: "Its operator has to pass on the upgrade of /ws/provider: docs/reverse-proxy.md has a configuration.",
  },
  nothing_behind_proxy: {
    seen: "A proxy answers at that address, and finds no coordinator behind it",
    remedy: "Its operator has to start the coordinator, or to send /ws/provider to it.",
  },
  no_room: {
    seen: "The coordinator, or the proxy in front of it, takes no more connections now",
    remedy: "Ask its operator if it stays so.",
  },
  forbidden: {
    seen: "What answers at that address refuses this machine before it could show a join token",
    remedy: "It may be a proxy that wants a password or knows who may come: ask the operator.",
  },
  no_coordinator: { seen: "Something answers at that address, and it is no coordinator", remedy: "Check the URL." },
  closed: { seen: "The coordinator closed the connection", remedy: "" },
  refused: {
    seen: "The coordinator refuses this machine's registration",
    remedy: "Check that both are of the same version.",
  },
  provider_older: {
    seen: "The coordinator speaks a newer version of the protocol than this provider",
    remedy: "Update this provider.",
  },
  coordinator_older: {
    seen: "The coordinator speaks an older version of the protocol than this provider",
    remedy: "Its operator has to update it; until then the provider of that version serves it.",
  },
  token_missing: {
    seen: "The coordinator takes a machine only with its join token, and none was given",
    remedy:
      "Ask its operator for one; 'darkbloom provider login' keeps it. On the coordinator's own machine --coordinator-data does instead.",
  },
  token_refused: {
    seen: "The coordinator does not take this join token: its own is another one, or it has none (--join-token) and takes no machine from elsewhere",
    remedy: "Ask its operator.",
  },
  unlinked: {
    seen: "The coordinator does not take this machine's token: it was unlinked there, or the token is another machine's",
    remedy:
      "'darkbloom provider login --coordinator URL' links it anew; 'darkbloom provider logout' lets it serve as nobody's.",
  },
  replaced: {
    seen: "The same identity has joined from another place, and only one of them can serve",
    remedy: "",
  },
  silent: { seen: "The coordinator stopped answering", remedy: "" },
  unread: { seen: "The coordinator reads nothing of what this machine answers", remedy: "" },
  not_registered: { seen: "The coordinator did not confirm the registration", remedy: "" },
  key_unavailable: {
    seen: "The identity key cannot sign, since the chip that holds it does not answer",
    remedy: "The log has the reason (chip_failed).",
  },
};

/** How a connection ended; a word that this version does not know is one of another version's status file. */
export const lossFor = (reason: string): Loss =>
  isLoss(reason) ? losses[reason] : { seen: "The connection was lost", remedy: "" };

/** The same as sentences. */
export function lossOf(reason: string): string {
  const { seen, remedy } = lossFor(reason);
  return `${seen}. ${remedy}`.trim();
}

const isLoss = (reason: string): reason is LossReason => Object.hasOwn(losses, reason);
