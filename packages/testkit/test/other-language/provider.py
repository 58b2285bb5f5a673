"""A provider in another language, written from docs/write-a-provider.md: standard library and `cryptography`.

    python provider.py URL BUILD WEIGHTS_SHA256 [JOIN_TOKEN]

It joins, answers challenges, and answers every streamed chat with the same words. What it does not do it refuses. Its
answers are short: they fit the first credit, and are over before a `cancel` could be read. Prints a line of JSON for
what happens to it.
"""

import base64
import datetime
import hashlib
import hmac
import json
import os
import socket
import struct
import sys
import urllib.parse

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, x25519
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

PIECES = ["Rain", " is", " water", "."]
PROMPT_TOKENS = 5
CONTEXT_TOKENS = 2048
# What of a chat's body is read below, or changes nothing in an answer that is the same each time.
READ = {"model", "messages", "stream", "stream_options", "max_tokens", "max_completion_tokens", "stop", "seed"}
READ |= {"temperature", "top_p", "frequency_penalty", "presence_penalty", "user", "metadata"}
KEY_LIFE = datetime.timedelta(hours=24)
CLOCK_SKEW = datetime.timedelta(minutes=2)
ENVELOPE_LIFE = datetime.timedelta(minutes=10)
RAW = (serialization.Encoding.Raw, serialization.PublicFormat.Raw)
POINT = (serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint)


def sha256(data):
    return hashlib.sha256(data).digest()


def to_base64(data):
    return base64.b64encode(data).decode()


def clock():
    return datetime.datetime.now(datetime.timezone.utc)


def spelled(moment):
    return moment.strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond // 1000:03}Z"


def now():
    return spelled(clock())


def tell(**facts):
    print(json.dumps(facts), flush=True)


def canonical(value):
    """RFC 8785, for what is signed here: names are ASCII, numbers whole, or such as are spelled alike."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def is_spelled_alike(value):
    """Whether Python writes this number of a request as RFC 8785 does."""
    return not isinstance(value, float) or value == 0 or 1e-4 <= abs(value) < 1e16


def whole(value):
    return int(value) if value == int(value) else value


# --- HPKE (RFC 9180), a recipient's exporter


def expand(prk, info, length):
    block, out = b"", b""
    for counter in range(1, -(-length // 32) + 1):
        block = hmac.digest(prk, block + info + bytes([counter]), "sha256")
        out += block
    return out[:length]


def exporter(private, enc, info):
    kem, suite = b"KEM\x00\x20", b"HPKE\x00\x20\x00\x01\x00\x02"

    def extract(of, salt, label, key):
        return hmac.digest(salt or bytes(32), b"HPKE-v1" + of + label + key, "sha256")

    def labeled(of, prk, label, context, length):
        return expand(prk, struct.pack(">H", length) + b"HPKE-v1" + of + label + context, length)

    agreed = private.exchange(x25519.X25519PublicKey.from_public_bytes(enc))
    context = enc + private.public_key().public_bytes(*RAW)
    shared = labeled(kem, extract(kem, b"", b"eae_prk", agreed), b"shared_secret", context, 32)
    schedule = b"\x00" + extract(suite, b"", b"psk_id_hash", b"") + extract(suite, b"", b"info_hash", info)
    secret = labeled(suite, extract(suite, shared, b"secret", b""), b"exp", schedule, 32)
    return lambda label, length: labeled(suite, secret, b"sec", label, length)


# --- WebSocket (RFC 6455), a client without extensions


class Socket:
    def __init__(self, url):
        at = urllib.parse.urlsplit(url)
        self.sock = socket.create_connection((at.hostname, at.port))
        key = to_base64(os.urandom(16))
        self.sock.sendall(
            f"GET /ws/provider HTTP/1.1\r\nHost: {at.netloc}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            f"Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n\r\n".encode()
        )
        self.read = self.sock.makefile("rb").read
        head = b""
        while not head.endswith(b"\r\n\r\n"):
            byte = self.read(1)
            if not byte:
                raise ConnectionError("no answer to the upgrade")
            head += byte
        if not head.startswith(b"HTTP/1.1 101"):
            raise ConnectionError(head.split(b"\r\n")[0].decode())

    def send(self, opcode, data):
        mask = os.urandom(4)
        size = len(data)
        if size < 126:
            length = bytes([0x80 | size])
        elif size < 1 << 16:
            length = bytes([0x80 | 126]) + struct.pack(">H", size)
        else:
            length = bytes([0x80 | 127]) + struct.pack(">Q", size)
        masked = bytes(byte ^ mask[at % 4] for at, byte in enumerate(data))
        self.sock.sendall(bytes([0x80 | opcode]) + length + mask + masked)

    def messages(self):
        """Texts as str, binary messages as bytes, until the connection is closed."""
        parts = []
        while True:
            first, second = self.read(2)
            size = second & 127
            if size == 126:
                (size,) = struct.unpack(">H", self.read(2))
            elif size == 127:
                (size,) = struct.unpack(">Q", self.read(8))
            data = self.read(size)
            opcode = first & 15
            if opcode == 8:
                tell(event="closed", code=int.from_bytes(data[:2], "big"), reason=data[2:].decode())
                return
            if opcode == 9:
                self.send(10, data)
            if opcode > 2:
                continue
            if opcode:
                kind = opcode
            parts.append(data)
            if first & 0x80:
                whole, parts = b"".join(parts), []
                yield whole.decode() if kind == 1 else whole


# --- The provider


class Provider:
    def __init__(self, url, build, weights_sha256, join_token=None):
        self.identity = ec.generate_private_key(ec.SECP256R1())
        self.identity_key = self.identity.public_key().public_bytes(*POINT)
        self.model = {"build": build, "weights_sha256": weights_sha256, "context_tokens": CONTEXT_TOKENS}
        self.join_token = join_token
        self.blob = self.offer = b""
        self.provider_id = ""
        self.serial = None
        # By the hash of each blob that was shown: its sealing key, and when that expires.
        self.shown = {}
        # Of each request that was opened, by its id: when it expires.
        self.seen = {}
        self.new_sealing_key()
        self.socket = Socket(url)

    def new_sealing_key(self):
        self.sealing = x25519.X25519PrivateKey.generate()
        public = self.sealing.public_key().public_bytes(*RAW)
        self.key_id = sha256(public).hex()
        self.public = to_base64(public)
        self.key_expires = clock() + KEY_LIFE

    def sign(self, message):
        return self.identity.sign(message, ec.ECDSA(hashes.SHA256()))

    def say(self, **message):
        self.socket.send(1, json.dumps(message).encode())

    def signed_blob(self):
        """The registration blob, and its signature, both in base64."""
        digits = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
        serial = "SW-" + "".join(digits[byte & 31] for byte in sha256(self.identity_key)[:12])
        self.blob = canonical(
            {
                "v": 1,
                "identity_key": to_base64(self.identity_key),
                "hpke_keys": [
                    {
                        "id": self.key_id,
                        "suite": "x25519-hkdf-sha256/hkdf-sha256/aes-256-gcm",
                        "public_key": self.public,
                        "expires_at": spelled(self.key_expires),
                    }
                ],
                "serial": self.serial or serial,
                "chip_name": "another",
                "hardware_model": "another",
                "platform": "linux",
                "os_version": "1",
                "memory_bytes": 1,
                "engine": {"name": "parrot", "version": "1"},
                "software": {"name": "provider.py", "version": "1"},
                "posture": {},
                "at": now(),
            }
        )
        self.shown[sha256(self.blob).hex()] = (self.sealing, self.key_expires)
        signature = self.sign(b"darkbloom:registration:v1\x00" + self.blob)
        return {"blob": to_base64(self.blob), "signature": to_base64(signature)}

    def signed_offer(self):
        """The offer, and its signature, both in base64."""
        said = {"v": 1, "identity_key": to_base64(self.identity_key), "slots": 1, "models": [self.model]}
        self.offer = canonical(said)
        signature = self.sign(b"darkbloom:offer:v1\x00" + self.offer)
        return {"offer": to_base64(self.offer), "offer_signature": to_base64(signature)}

    def run(self):
        token = {"auth_token": self.join_token} if self.join_token else {}
        self.say(type="register", protocols=[2], **self.signed_blob(), **self.signed_offer(), **token)
        for message in self.socket.messages():
            if isinstance(message, bytes):
                for kind, job_id, data in records_of(message):
                    if kind == 1:
                        self.answer(job_id, data)
            else:
                self.hear(json.loads(message))

    def hear(self, message):
        kind = message["type"]
        if kind == "registered":
            self.provider_id = message["provider_id"]
            if "serial_alias" in message:
                self.serial = message["serial_alias"]
                self.say(type="renew", **self.signed_blob())
            self.say(type="heartbeat", status="ready")
            tell(event="registered", provider_id=self.provider_id)
        elif kind == "attestation_challenge":
            self.renew_when_old()
            answer = canonical(
                {
                    "v": 1,
                    "nonce": message["nonce"],
                    "callers_root": message["callers_root"],
                    "blob_sha256": sha256(self.blob).hex(),
                    "offer_sha256": sha256(self.offer).hex(),
                    "hpke_key_ids": [self.key_id],
                    "posture": {},
                    "at": now(),
                }
            )
            signature = self.sign(b"darkbloom:challenge:v1\x00" + answer)
            self.say(type="attestation_response", answer=to_base64(answer), signature=to_base64(signature))
        elif kind == "trust_status":
            tell(event="trust", level=message["trust_level"], eligible=message["eligible"])

    def renew_when_old(self):
        """A new key in good time. Requests name the former blob until a challenge over the new one is passed."""
        if self.key_expires - clock() > datetime.timedelta(hours=1):
            return
        self.shown = {blob: (key, expires) for blob, (key, expires) in self.shown.items() if expires > clock()}
        self.new_sealing_key()
        self.say(type="renew", **self.signed_blob())

    def open(self, envelope):
        """Returns the clear fields, its own candidate among them, the body, and what the answer is sealed with."""
        header = json.loads(envelope["hdr"])
        expires = datetime.datetime.fromisoformat(header["expires_at"].replace("Z", "+00:00"))
        if not -CLOCK_SKEW <= expires - clock() <= ENVELOPE_LIFE + CLOCK_SKEW:
            raise ValueError("expired, or from too far ahead")
        index = [candidate["provider_id"] for candidate in header["candidates"]].index(self.provider_id)
        candidate, wrap = header["candidates"][index], envelope["wraps"][index]
        sealing, key_expires = self.shown[candidate["evidence_sha256"]]
        key_id = sha256(sealing.public_key().public_bytes(*RAW)).hex()
        if key_expires < clock() or candidate["key_id"] != key_id or wrap["key_id"] != key_id:
            raise ValueError("for another key, or an old one")
        enc = base64.b64decode(wrap["enc"])
        export = exporter(sealing, enc, b"darkbloom:seal:v1\x00")
        hdr_hash, body = sha256(envelope["hdr"].encode()), envelope["body"]
        wrap_key = export(b"darkbloom:wrap:v1\x00" + hdr_hash + bytes([index]), 32)
        wrapped = base64.b64decode(wrap["wrap"])
        content_key = AESGCM(wrap_key).decrypt(bytes(12), wrapped, bytes([index]) + sha256(body))
        plain = AESGCM(content_key).decrypt(bytes(12), body, hdr_hash)
        # Only what could be opened is remembered, and no longer than it could be sent again.
        self.seen = {name: until for name, until in self.seen.items() if until > clock() - CLOCK_SKEW}
        if header["id"] in self.seen:
            raise ValueError("seen before")
        self.seen[header["id"]] = expires
        return header, candidate, plain, export(b"darkbloom:response:v1\x00" + hdr_hash, 32), enc

    def refusal(self, header, request):
        """The code that says why this is not answered, or None."""
        named = header.get("asked_model", header["model"])
        if header["mode"] != "transparent" or header["endpoint"] != "/v1/chat/completions" or not header["stream"]:
            return "invalid_request"
        if request["model"] != named or request.get("stream") is not True:
            return "invalid_request"
        if header["build"] != self.model["build"]:
            return "model_unavailable"
        if "tools" in header["features"]:
            return "tools_refused"
        asked = {name for name, value in request.items() if value is not None}
        is_read = asked <= READ | {"n"} and request.get("n") in (None, 1)
        return None if is_read and all(map(is_spelled_alike, request.values())) else "invalid_request"

    def answer(self, job_id, data):
        told, envelope = json_and_rest(data)
        clear, sealed = json_and_rest(envelope)
        try:
            header, candidate, body, secret, enc = self.open({**clear, "body": sealed})
        except Exception:  # Whatever is wrong with it: more is not told.
            return self.say(type="inference_error", job_id=job_id, code="cannot_open")
        request = json.loads(body)
        if code := self.refusal(header, request):
            return self.say(type="inference_error", job_id=job_id, code=code)

        def asked(name, otherwise):
            value = request.get(name)
            return otherwise if value is None else value

        stops = asked("stop", [])
        stops = [stops] if isinstance(stops, str) else stops
        pieces, finish = words(stops, header["max_tokens"])
        usage = {"prompt_tokens": PROMPT_TOKENS, "completion_tokens": len(pieces)}
        started = now()
        frames = Frames(secret, enc)
        created = int(datetime.datetime.now().timestamp())

        def event(choices, **more):
            chunk = {"id": f"chatcmpl-{job_id}", "object": "chat.completion.chunk", "created": created}
            return f"data: {json.dumps({**chunk, 'model': header['model'], 'choices': choices, **more})}\n\n"

        def choice(delta, finish=None):
            return [{"index": 0, "delta": delta, "finish_reason": finish}]

        begin = event(choice({"role": "assistant", "content": ""}))
        texts = [event(choice({"content": piece})) for piece in pieces]
        texts[0] = begin + texts[0]
        for count, text in enumerate(texts, 1):
            self.send_frames(job_id, frames.next(text, count, False))
        end = event(choice({}, finish))
        if asked("stream_options", {}).get("include_usage"):
            end += event([], usage={**usage, "total_tokens": sum(usage.values())})
        end += "data: [DONE]\n\n"
        self.send_frames(job_id, frames.next(end, len(pieces), True))
        response_sha256 = sha256("".join([*texts, end]).encode())
        receipt = {
            "v": 1,
            "job_id": job_id,
            "request_id": told["caller_request_id"],
            "privacy": header["mode"],
            "endpoint": header["endpoint"],
            "model": header["model"],
            "build": header["build"],
            "weights_sha256": self.model["weights_sha256"],
            "engine": {"name": "parrot", "version": "1"},
            "request_sha256": sha256(body).hex(),
            "response_sha256": response_sha256.hex(),
            "sampling": {
                "temperature": whole(asked("temperature", 1)),
                "top_p": whole(asked("top_p", 1)),
                "seed": max(0, asked("seed", 0)),
                "top_k": 0,
                "frequency_penalty": whole(asked("frequency_penalty", 0)),
                "presence_penalty": whole(asked("presence_penalty", 0)),
                "logit_bias": 0,
                "stop": len(stops),
                "max_tokens": header["max_tokens"],
                "n": 1,
            },
            "usage": {**usage, "cached_tokens": 0, "reasoning_tokens": 0},
            "finish_reason": finish,
            "provider_id": self.provider_id,
            "identity_key": to_base64(self.identity_key),
            "evidence_sha256": candidate["evidence_sha256"],
            "started_at": started,
            "finished_at": now(),
        }
        if "nonce" in header:
            receipt["nonce"] = header["nonce"]
        jcs = canonical(receipt)
        self.say(
            type="inference_complete",
            job_id=job_id,
            receipt=jcs.decode(),
            receipt_signature=to_base64(self.sign(b"darkbloom:receipt:v1\x00" + jcs)),
            response_signature=to_base64(self.sign(response_sha256.hex().encode())),
        )

    def send_frames(self, job_id, frames):
        name = job_id.encode()
        self.socket.send(2, bytes([2, len(name)]) + name + struct.pack(">I", len(frames)) + frames)


def words(stops, max_tokens):
    """What is said, a token each, up to a stop string or the bound; and why it ends there."""
    pieces, finish = PIECES[:max_tokens], "length" if max_tokens < len(PIECES) else "stop"
    ends = [at for at in map("".join(pieces).find, stops) if at >= 0]
    if not ends:
        return pieces, finish
    left, said = min(ends), []
    for piece in pieces:
        said.append(piece[: max(0, left)])
        left -= len(piece)
        if left < 0:
            break
    return said, "stop"


class Frames:
    """The sealed answer, frame by frame."""

    def __init__(self, secret, enc):
        self.nonce = os.urandom(32)
        prk = hmac.digest(enc + self.nonce, secret, "sha256")
        self.key = AESGCM(expand(prk, b"key", 32))
        self.base = int.from_bytes(expand(prk, b"nonce", 12), "big")
        self.counter = 0

    def next(self, text, tokens, final):
        data = text.encode()
        plain = struct.pack(">I", len(data)) + data
        plain += bytes(-len(plain) % 256)
        header = struct.pack(">IBI", self.counter, int(final), tokens)
        sealed = self.key.encrypt((self.base ^ self.counter).to_bytes(12, "big"), plain, header)
        prefix = self.nonce if self.counter == 0 else b""
        self.counter += 1
        return prefix + struct.pack(">I", len(header) + len(sealed)) + header + sealed


def records_of(message):
    while message:
        kind, name = message[0], message[1]
        job_id, rest = message[2 : 2 + name].decode(), message[2 + name :]
        (size,) = struct.unpack(">I", rest[:4])
        yield kind, job_id, rest[4 : 4 + size]
        message = rest[4 + size :]


def json_and_rest(data):
    (size,) = struct.unpack(">I", data[:4])
    return json.loads(data[4 : 4 + size]), data[4 + size :]


if __name__ == "__main__":
    Provider(*sys.argv[1:]).run()
