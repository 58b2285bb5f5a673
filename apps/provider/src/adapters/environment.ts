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
]);
const allowedBeginnings = ["LC_", "DARKBLOOM_"];
/** The one secret that a provider needs, until it has read it. */
export const TOKEN_VARIABLE = "DARKBLOOM_TOKEN";
/** Other secrets of ours are a coordinator's, and none of a provider's business. */
const secret = /TOKEN|KEY|SECRET|PASSWORD/;

/** Names by which others can put code of theirs into a process: loaders, interpreters, profilers. */
const injecting =
  /^(LD_|DYLD_|MallocStackLogging|NODE_OPTIONS$|NODE_PATH$|NODE_V8_COVERAGE$|NODE_COMPILE_CACHE$|GCONV_PATH$|LOCPATH$|GGML_BACKEND_|OPENSSL_CONF$|OPENSSL_MODULES$|OPENSSL_ENGINES$|BASH_ENV$|ENV$|PYTHON(PATH|STARTUP|HOME)$)/;

type Environment = Readonly<Record<string, string | undefined>>;

const isAllowed = (name: string): boolean =>
  allowed.has(name) ||
  name === TOKEN_VARIABLE ||
  (allowedBeginnings.some((beginning) => name.startsWith(beginning)) && !secret.test(name));

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
