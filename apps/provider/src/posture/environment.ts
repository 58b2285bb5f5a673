/**
 * What a provider's process may know of the environment that it was started in: where things are, how
 * people here write, which accelerator to take, and our own settings. It is a list of what is allowed,
 * since nobody can list what might be a secret or might load code.
 */
const allowed = new Set([
  "PATH",
  "HOME",
  "USER",
  "LOGNAME",
  "SHELL",
  "PWD",
  "LANG",
  "LANGUAGE",
  "TZ",
  "TERM",
  "NO_COLOR",
  "FORCE_COLOR",
  "TMPDIR",
  "SSL_CERT_FILE",
  "SSL_CERT_DIR",
  "NODE_EXTRA_CA_CERTS",
  "CUDA_VISIBLE_DEVICES",
  "HIP_VISIBLE_DEVICES",
  "GGML_METAL_DEVICES",
  "OMP_NUM_THREADS",
  // CoreFoundation of macOS puts it into processes by itself.
  "__CF_USER_TEXT_ENCODING",
]);
const allowedBeginnings = ["LC_"];
/** The one secret that a provider needs, until it has read it. */
export const TOKEN_VARIABLE = "DARKBLOOM_TOKEN";
/** Of our own settings those that `provider start` reads, and what our processes tell each other. */
const ownSettings = new Set([
  "DARKBLOOM_BUILD",
  "DARKBLOOM_CONTEXT",
  "DARKBLOOM_COORDINATOR",
  "DARKBLOOM_COORDINATOR_DATA",
  "DARKBLOOM_DATA",
  "DARKBLOOM_DRAIN_TIMEOUT",
  "DARKBLOOM_IDENTITY",
  "DARKBLOOM_JSON",
  "DARKBLOOM_LOG_LEVEL",
  "DARKBLOOM_MODEL",
  "DARKBLOOM_SLOTS",
  "DARKBLOOM_STARTED_CLEAN",
  "DARKBLOOM_SUPERVISED",
  "DARKBLOOM_THREADS",
  TOKEN_VARIABLE,
  "DARKBLOOM_TPM",
]);

/** Names by which others can put code of theirs into a process: loaders, interpreters, profilers. */
const injecting =
  /^(LD_|DYLD_|MallocStackLogging|NODE_OPTIONS$|NODE_PATH$|NODE_V8_COVERAGE$|NODE_COMPILE_CACHE$|GCONV_PATH$|LOCPATH$|GGML_BACKEND_|OPENSSL_CONF$|OPENSSL_MODULES$|OPENSSL_ENGINES$|BASH_ENV$|ENV$|PYTHON(PATH|STARTUP|HOME)$)/;

type Environment = Readonly<Record<string, string | undefined>>;

const isAllowed = (name: string): boolean =>
  allowed.has(name) || ownSettings.has(name) || allowedBeginnings.some((beginning) => name.startsWith(beginning));

/** The part of an environment that a provider's process may have. */
export function scrubbedEnvironment(environment: Environment): Record<string, string> {
  return Object.fromEntries(
    Object.entries(environment).flatMap(([name, value]) =>
      value !== undefined && isAllowed(name) ? [[name, value]] : [],
    ),
  );
}

/** The names in an environment that can load foreign code. Only names: a value may be a secret. */
export const injectingNames = (environment: Environment): string[] =>
  Object.keys(environment)
    .filter((name) => injecting.test(name) && environment[name] !== "")
    .toSorted();

/** How many names a provider has no use for. Not which: that somebody has a secret of that name may be one. */
export const unneededCount = (environment: Environment): number =>
  Object.keys(environment).length - Object.keys(scrubbedEnvironment(environment)).length;
