"""Checks the test vectors with other people's code: Python's standard library and `cryptography`.

    python check_vectors.py FOLDER

Nothing here is shared with the code that made them. HPKE's key schedule and RFC 8785 are written out
from their RFCs, a TPM's structures from its library specification. At the end every value of every file
is changed once, and each change must be noticed: so no value stands there that this program does not check.
"""

import base64
import copy
import datetime
import hashlib
import hmac
import json
import math
import pathlib
import struct
import sys

from cryptography import x509
from cryptography.exceptions import InvalidSignature, InvalidTag
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, mlkem, padding, rsa, utils, x25519
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

RAW = (serialization.Encoding.Raw, serialization.PublicFormat.Raw)
SPKI = (serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
POINT = (serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint)


class Refused(Exception):
    """A value is not what it should be."""


REFUSALS = (Refused, InvalidSignature, InvalidTag, ValueError, struct.error)


def same(what, value, expected):
    if type(value) is not type(expected) or value != expected:
        raise Refused(what)


def sha256(data):
    return hashlib.sha256(data).digest()


def unbase64(text):
    return base64.b64decode(text, validate=True)


def u32(number):
    return number.to_bytes(4, "big")


def time_of(text):
    return datetime.datetime.strptime(text, "%Y-%m-%dT%H:%M:%S.%fZ")


# --- Canonical JSON, RFC 8785


def canonical(value):
    if value is None or isinstance(value, bool):
        return json.dumps(value)
    if isinstance(value, (int, float)):
        return number_of(float(value))
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False)
    if isinstance(value, list):
        return "[" + ",".join(canonical(item) for item in value) + "]"
    # 3.2.3: "sorted as arrays of UTF-16 code units".
    names = sorted(value, key=lambda name: name.encode("utf-16-be"))
    return "{" + ",".join(canonical(name) + ":" + canonical(value[name]) for name in names) + "}"


def number_of(value):
    """ECMAScript's Number::toString. Python finds the same shortest digits, and writes them otherwise."""
    if value == 0:
        return "0"
    if not math.isfinite(value):
        raise Refused("a number that JSON does not have")
    sign = "-" if value < 0 else ""
    mantissa, exponent = repr(abs(value)), 0
    if "e" in mantissa:
        mantissa, power = mantissa.split("e")
        exponent = int(power)
    whole, _, fraction = mantissa.partition(".")
    digits = (whole + fraction).lstrip("0")
    # Where the point stands, counted from the first digit that is not zero.
    point = len(whole) + exponent - (len(whole + fraction) - len(digits))
    digits = digits.rstrip("0")
    count = len(digits)
    if count <= point <= 21:
        return sign + digits + "0" * (point - count)
    if 0 < point <= 21:
        return sign + digits[:point] + "." + digits[point:]
    if -6 < point <= 0:
        return sign + "0." + "0" * -point + digits
    scaled = digits[0] + ("." + digits[1:] if count > 1 else "")
    return sign + scaled + "e" + ("+" if point > 0 else "-") + str(abs(point - 1))


def canonical_bytes(value):
    return canonical(value).encode()


# --- Signatures


def check_identity(vector):
    """Returns the machine's public key, having checked that the private one belongs to it."""
    private = ec.derive_private_key(int(vector["identity_private_key"], 16), ec.SECP256R1())
    point = unbase64(vector["identity_key"])
    same("identity_key", private.public_key().public_bytes(*POINT), point)
    return ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), point)


def check_p256(key, signature, message):
    key.verify(unbase64(signature), message, ec.ECDSA(hashes.SHA256()))


def refuse_altered(check, *altered):
    """The signature must not be good for these."""
    for message in altered:
        try:
            check(message)
        except InvalidSignature:
            continue
        raise Refused("a signature is good for something else")


# --- HPKE, RFC 9180: DHKEM(X25519, HKDF-SHA256) or X-Wing, HKDF-SHA256, AES-256-GCM, base mode, exporter only

KEM_SUITE = b"KEM" + bytes.fromhex("0020")


def extract(salt, ikm):
    """RFC 5869, 2.2; an absent salt is a string of zeros."""
    return hmac.digest(salt or bytes(32), ikm, "sha256")


def expand(prk, info, length):
    """RFC 5869, 2.3."""
    block, out = b"", b""
    for counter in range(1, -(-length // 32) + 1):
        block = hmac.digest(prk, block + info + bytes([counter]), "sha256")
        out += block
    return out[:length]


def labeled_extract(suite, salt, label, ikm):
    return extract(salt, b"HPKE-v1" + suite + label + ikm)


def labeled_expand(suite, prk, label, info, length):
    return expand(prk, length.to_bytes(2, "big") + b"HPKE-v1" + suite + label + info, length)


class Dhkem:
    """RFC 9180, 4.1."""

    ID = bytes.fromhex("0020")

    def __init__(self, private):
        self.private = x25519.X25519PrivateKey.from_private_bytes(private)
        self.public = self.private.public_key().public_bytes(*RAW)

    def decapsulate(self, enc):
        agreed = self.private.exchange(x25519.X25519PublicKey.from_public_bytes(enc))
        prk = labeled_extract(KEM_SUITE, b"", b"eae_prk", agreed)
        return labeled_expand(KEM_SUITE, prk, b"shared_secret", enc + self.public, 32)


class XWing:
    """draft-connolly-cfrg-xwing-kem, 5: ML-KEM-768 and X25519 by `cryptography`, put together here."""

    ID = bytes.fromhex("647a")

    def __init__(self, seed):
        expanded = hashlib.shake_256(seed).digest(96)
        self.ml_kem = mlkem.MLKEM768PrivateKey.from_seed_bytes(expanded[:64])
        self.x25519 = x25519.X25519PrivateKey.from_private_bytes(expanded[64:])
        self.public = self.ml_kem.public_key().public_bytes_raw() + self.x25519.public_key().public_bytes(*RAW)

    def decapsulate(self, enc):
        ciphertext, ephemeral = enc[:1088], enc[1088:]
        agreed = self.x25519.exchange(x25519.X25519PublicKey.from_public_bytes(ephemeral))
        parts = self.ml_kem.decapsulate(ciphertext), agreed, ephemeral, self.public[1184:]
        return hashlib.sha3_256(b"".join(parts) + b"\\.//^\\").digest()


KEMS = {
    "x25519-hkdf-sha256/hkdf-sha256/aes-256-gcm": Dhkem,
    "x-wing/hkdf-sha256/aes-256-gcm": XWing,
}


def exporter_of(private, enc, info):
    """SetupBaseR, as far as the exporter secret; returns Context.Export."""
    suite = b"HPKE" + private.ID + bytes.fromhex("0001" "0002")
    psk_id_hash = labeled_extract(suite, b"", b"psk_id_hash", b"")
    info_hash = labeled_extract(suite, b"", b"info_hash", info)
    secret = labeled_extract(suite, private.decapsulate(enc), b"secret", b"")
    exporter_secret = labeled_expand(suite, secret, b"exp", b"\x00" + psk_id_hash + info_hash, 32)
    return lambda context, length: labeled_expand(suite, exporter_secret, b"sec", context, length)


# --- The files


def check_jcs(vectors):
    for case in vectors["jcs"]["cases"]:
        same("canonical", canonical(json.loads(case["input"])), case["canonical"])
        same("sha256", sha256(case["canonical"].encode()).hex(), case["sha256"])


def check_response_hash(vectors):
    vector = vectors["response-hash"]
    key = check_identity(vector)
    response_hash = sha256(vector["body"].encode()).hex()
    same("response_hash", response_hash, vector["response_hash"])
    check_p256(key, vector["signature"], response_hash.encode())
    refuse_altered(
        lambda message: check_p256(key, vector["signature"], message),
        bytes.fromhex(response_hash),
        response_hash.upper().encode(),
        vector["body"].encode(),
    )


def check_receipt(vectors):
    vector = vectors["receipt"]
    key = check_identity(vector)
    same("identity_key", vector["receipt"]["identity_key"], vector["identity_key"])
    same("jcs", canonical(vector["receipt"]), vector["jcs"])
    message = b"darkbloom:receipt:v1\x00" + vector["jcs"].encode()
    same("message_sha256", sha256(message).hex(), vector["message_sha256"])
    check_p256(key, vector["signature"], message)
    refuse_altered(
        lambda other: check_p256(key, vector["signature"], other),
        vector["jcs"].encode(),
        message.replace(b"receipt", b"registration", 1),
        message + b" ",
    )


def check_countersignature(vectors):
    vector = vectors["countersignature"]
    document = vector["document"]
    provider = check_identity(vectors["receipt"])
    jcs = canonical_bytes(document["receipt"])
    check_p256(provider, document["provider_signature"], b"darkbloom:receipt:v1\x00" + jcs)

    private = ed25519.Ed25519PrivateKey.from_private_bytes(bytes.fromhex(vector["coordinator_private_key"]))
    public_bytes = bytes.fromhex(vector["coordinator_public_key"])
    same("coordinator_public_key", private.public_key().public_bytes(*RAW), public_bytes)
    parts = (
        jcs,
        unbase64(document["provider_signature"]),
        document["coordinator_key_id"].encode(),
        document["countersigned_at"].encode(),
    )
    message = b"darkbloom:countersignature:v1\x00" + b"".join(u32(len(part)) + part for part in parts)
    same("message", message.hex(), vector["message"])
    public = ed25519.Ed25519PublicKey.from_public_bytes(public_bytes)
    signature = unbase64(document["coordinator_signature"])
    public.verify(signature, message)
    # Ed25519 has one signature for each message and key.
    same("coordinator_signature", private.sign(message), signature)
    refuse_altered(lambda other: public.verify(signature, other), message[:-1] + b"\x00", jcs)

    mark, _, word = vector["comment"].removesuffix("\n\n").rpartition(" ")
    same("comment", mark, ": darkbloom-receipt")
    told = base64.urlsafe_b64decode(word + "=" * (-len(word) % 4))
    same("comment", base64.urlsafe_b64encode(told).decode().rstrip("="), word)
    same("comment", json.loads(told), document)
    same("comment", vector["comment"], mark + " " + word + "\n\n")


def check_registration(vectors):
    vector = vectors["registration"]
    key = check_identity(vector)
    blob = unbase64(vector["blob"])
    told = json.loads(blob)
    same("blob", canonical_bytes(told), blob)
    message = b"darkbloom:registration:v1\x00" + blob
    check_p256(key, vector["signature"], message)
    refuse_altered(lambda other: check_p256(key, vector["signature"], other), blob, message.replace(b"v1", b"v2", 1))
    same("evidence_sha256", sha256(blob).hex(), vector["evidence_sha256"])
    same("at", told["at"], vector["at"])
    same("identity_key", told["identity_key"], vector["identity_key"])
    digits = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
    serial = "SW-" + "".join(digits[byte & 31] for byte in sha256(unbase64(told["identity_key"]))[:12])
    same("serial", serial, vector["serial"])
    same("serial", told["serial"], serial)
    for hpke_key in told["hpke_keys"]:
        same("id", hpke_key["id"], sha256(unbase64(hpke_key["public_key"])).hex())


def check_offer(vectors):
    vector = vectors["offer"]
    key = check_identity(vector)
    offer = unbase64(vector["offer"])
    told = json.loads(offer)
    same("offer", canonical_bytes(told), offer)
    message = b"darkbloom:offer:v1\x00" + offer
    check_p256(key, vector["signature"], message)
    refuse_altered(lambda other: check_p256(key, vector["signature"], other), offer, message.replace(b"v1", b"v2", 1))
    same("offer_sha256", sha256(offer).hex(), vector["offer_sha256"])
    same("identity_key", told["identity_key"], vector["identity_key"])
    same("identity_key", told["identity_key"], vectors["registration"]["identity_key"])


def check_challenge(vectors):
    vector = vectors["challenge"]
    key = check_identity(vector)
    answer = unbase64(vector["answer"])
    told = json.loads(answer)
    same("answer", canonical_bytes(told), answer)
    message = b"darkbloom:challenge:v1\x00" + answer
    check_p256(key, vector["signature"], message)
    refuse_altered(lambda other: check_p256(key, vector["signature"], other), answer, message + b" ")
    same("at", told["at"], vector["at"])
    same("nonce", told["nonce"], vector["nonce"])
    same("nonce", len(unbase64(vector["nonce"])), 32)
    blob = unbase64(vectors["registration"]["blob"])
    same("blob_sha256", told["blob_sha256"], sha256(blob).hex())
    same("offer_sha256", told["offer_sha256"], vectors["offer"]["offer_sha256"])
    same("hpke_key_ids", told["hpke_key_ids"], [hpke_key["id"] for hpke_key in json.loads(blob)["hpke_keys"]])


def json_and_rest(data):
    length = int.from_bytes(data[:4], "big")
    return json.loads(data[4 : 4 + length]), data[4 + length :]


def read_envelope(data):
    clear, body = json_and_rest(data)
    return {**clear, "body": body}


def open_envelope(envelope, index, private):
    """Returns content key, body and exporter for the candidate at this index."""
    wrap = envelope["wraps"][index]
    hdr_hash = sha256(envelope["hdr"].encode())
    body = envelope["body"]
    export = exporter_of(private, unbase64(wrap["enc"]), b"darkbloom:seal:v1\x00")
    only_nonce = bytes(12)
    wrap_key = export(b"darkbloom:wrap:v1\x00" + hdr_hash + bytes([index]), 32)
    content_key = AESGCM(wrap_key).decrypt(only_nonce, unbase64(wrap["wrap"]), bytes([index]) + sha256(body))
    plaintext = AESGCM(content_key).decrypt(only_nonce, body, hdr_hash)
    return content_key, plaintext, lambda label: export(b"darkbloom:%s:v1\x00" % label + hdr_hash, 32)


def check_envelope_of(name, suite):
    def check(vectors):
        vector = vectors[name]
        envelope = read_envelope(unbase64(vector["envelope"]))
        same("names", sorted(envelope), ["body", "hdr", "wraps"])
        header = json.loads(envelope["hdr"])
        same("suite", header["suite"], suite)
        # The vector's `now` is exact: the sample's life is one minute.
        same("now", time_of(header["expires_at"]) - time_of(vector["now"]), datetime.timedelta(minutes=1))
        same("wraps", len(envelope["wraps"]), len(header["candidates"]))
        same("candidates", len(vector["candidates"]), len(header["candidates"]))
        privates = []
        for index, candidate in enumerate(vector["candidates"]):
            named = {name: candidate[name] for name in ("provider_id", "key_id", "evidence_sha256")}
            same("candidate", header["candidates"][index], named)
            private = KEMS[suite](bytes.fromhex(candidate["private_key"]))
            privates.append(private)
            same("public_key", private.public.hex(), candidate["public_key"])
            same("key_id", sha256(private.public).hex(), candidate["key_id"])
            same("key_id", envelope["wraps"][index]["key_id"], candidate["key_id"])
            same("enc", unbase64(envelope["wraps"][index]["enc"]).hex(), candidate["enc"])
            content_key, body, secret_of = open_envelope(envelope, index, private)
            same("content_key", content_key.hex(), vector["content_key"])
            same("body", body, unbase64(vector["body"]))
            same("response_secret", secret_of(b"response").hex(), candidate["response_secret"])

        moved = {**envelope, "wraps": envelope["wraps"][::-1]}
        for altered, index, private in (
            ({**envelope, "hdr": envelope["hdr"].replace("sealed", "transparent")}, 0, 0),
            ({**envelope, "hdr": envelope["hdr"] + " "}, 1, 1),
            (envelope, 0, 1),
            (moved, 1, 0),
        ):
            try:
                open_envelope(altered, index, privates[private])
            except InvalidTag:
                continue
            raise Refused("an altered envelope opens")

    return check


def check_sealed_exchange(vectors):
    vector = vectors["sealed-exchange"]
    asked = vectors["envelope-x-wing"]
    sent = unbase64(asked["envelope"])
    envelope = read_envelope(sent)
    private = XWing(bytes.fromhex(asked["candidates"][0]["private_key"]))
    _, body, secret_of = open_envelope(envelope, 0, private)

    rest, frames, document = unbase64(vector["answer"]), [], None
    hashed = b""
    while rest:
        kind, length = rest[0], int.from_bytes(rest[1:5], "big")
        record, rest = rest[: 5 + length], rest[5 + length :]
        if len(record) != 5 + length or document is not None or kind not in (1, 2):
            raise Refused("records")
        if kind == 1:
            hashed += record
            frames.append(record[5:])
        else:
            document = json.loads(record[5:])
    same("response_nonce", frames[0][:32].hex(), vector["response_nonce"])
    opened = open_answer(secret_of(b"response"), unbase64(envelope["wraps"][0]["enc"]), b"".join(frames))
    plaintext = b"".join(text for text, _, _ in opened[:-1])
    same("plaintext", plaintext, unbase64(vector["plaintext"]))
    same("tail", opened[-1][0].decode(), vector["tail"])
    tail = json.loads(vector["tail"])
    same("tail", sorted(tail), ["finish_reason", "kind", "response_sha256", "response_signature", "sampling", "v"])
    same("tail", [tail["v"], tail["kind"]], [1, "answer"])
    same("response_sha256", tail["response_sha256"], sha256(plaintext).hex())
    key = check_identity(vectors["receipt"])
    same("signatures", tail["response_signature"], vector["signatures"]["response"])
    check_p256(key, tail["response_signature"], tail["response_sha256"].encode())

    receipt = document["receipt"]
    same("jcs", canonical(receipt), vector["jcs"])
    same("signatures", document["provider_signature"], vector["signatures"]["receipt"])
    check_p256(key, document["provider_signature"], b"darkbloom:receipt:v1\x00" + vector["jcs"].encode())
    same("privacy", receipt["privacy"], "sealed")
    same("request_sha256", receipt["request_sha256"], sha256(sent).hex())
    same("response_sha256", receipt["response_sha256"], sha256(hashed).hex())
    same("hpke_key_id", receipt["hpke_key_id"], asked["candidates"][0]["key_id"])
    same("evidence_sha256", receipt["evidence_sha256"], asked["candidates"][0]["evidence_sha256"])
    private_fields = canonical({name: tail[name] for name in ("sampling", "finish_reason")}).encode()
    for name, committed in (("request", body), ("response", plaintext), ("private", private_fields)):
        commitment_key = secret_of(name.encode() + b"-commitment")
        same("commitment_keys", commitment_key.hex(), vector["commitment_keys"][name])
        commitment = hmac.digest(commitment_key, sha256(committed), "sha256").hex()
        same("commitment", receipt[name + "_commitment"], commitment)
    same("told in the clear", {"sampling", "finish_reason"} & set(receipt), set())
    parts = (
        canonical_bytes(receipt),
        unbase64(document["provider_signature"]),
        document["coordinator_key_id"].encode(),
        document["countersigned_at"].encode(),
    )
    message = b"darkbloom:countersignature:v1\x00" + b"".join(u32(len(part)) + part for part in parts)
    public = bytes.fromhex(vectors["countersignature"]["coordinator_public_key"])
    ed25519.Ed25519PublicKey.from_public_bytes(public).verify(unbase64(document["coordinator_signature"]), message)


def check_records(vectors):
    vector = vectors["records"]
    message = unbase64(vector["message"])
    records = []
    while message:
        kind, id_length = message[0], message[1]
        job_id, message = message[2 : 2 + id_length].decode(), message[2 + id_length :]
        length = int.from_bytes(message[:4], "big")
        if length > len(message) - 4:
            raise Refused("a record is cut off")
        records.append((kind, job_id, message[4 : 4 + length]))
        message = message[4 + length :]
    (kind, job_id, request), *answers = records
    same("request", (kind, job_id), (1, "job_1"))
    head, envelope = json_and_rest(request)
    same("request", head, vector["request"])
    same("envelope", envelope, unbase64(vectors["envelope"]["envelope"]))
    for record, told in zip(answers, vector["answers"], strict=True):
        same("answer", record, (2, told["job_id"], unbase64(told["bytes"])))


def open_answer(secret, enc, sealed):
    """Returns (bytes, completion tokens, final) of each frame of a whole answer."""
    salt = enc + sealed[:32]
    prk = extract(salt, secret)
    key = AESGCM(expand(prk, b"key", 32))
    base_nonce = expand(prk, b"nonce", 12)
    rest, frames = sealed[32:], []
    while rest:
        length = int.from_bytes(rest[:4], "big")
        frame, rest = rest[4 : 4 + length], rest[4 + length :]
        if len(frame) != length or length < 9 + 16:
            raise Refused("a frame is cut off")
        header, ciphertext = frame[:9], frame[9:]
        counter, flags, tokens = int.from_bytes(header[:4], "big"), header[4], int.from_bytes(header[5:], "big")
        if counter != len(frames) or flags > 1 or (frames and (frames[-1][2] or tokens < frames[-1][1])):
            raise Refused("a frame is out of order")
        nonce = (int.from_bytes(base_nonce, "big") ^ counter).to_bytes(12, "big")
        padded = key.decrypt(nonce, ciphertext, header)
        end = 4 + int.from_bytes(padded[:4], "big")
        if len(padded) % 256 or not end <= len(padded) < end + 256 or any(padded[end:]):
            raise Refused("padding")
        frames.append((padded[4:end], tokens, flags == 1))
    if not frames or not frames[-1][2]:
        raise Refused("an answer without its end")
    return frames


def check_answer(vectors):
    vector = vectors["answer"]
    secret, enc = bytes.fromhex(vector["response_secret"]), bytes.fromhex(vector["enc"])
    parts = [unbase64(frame["frame"]) for frame in vector["frames"]]
    sealed = b"".join(parts)
    same("response_nonce", sealed[:32].hex(), vector["response_nonce"])
    same(
        "frames",
        open_answer(secret, enc, sealed),
        [(unbase64(frame["plaintext"]), frame["completion_tokens"], frame["final"]) for frame in vector["frames"]],
    )

    nonce, first = parts[0][:32], parts[0][32:]
    altered = [sealed[:at] + bytes([sealed[at] ^ 1 << at % 8]) + sealed[at + 1 :] for at in range(len(sealed))]
    altered += [sealed[:at] for at in range(len(sealed))]
    altered += [nonce + first + parts[2] + parts[1] + parts[3], nonce + first + first + b"".join(parts[1:])]
    for changed in altered:
        try:
            open_answer(secret, enc, changed)
        except REFUSALS:
            continue
        raise Refused("an altered answer opens")


# --- Certificates, RFC 5280: parsed and verified by `cryptography`, the rules written out again

SIGNATURE_HASHES = {
    "1.2.840.10045.4.3.2": hashes.SHA256(),
    "1.2.840.10045.4.3.3": hashes.SHA384(),
    "1.2.840.10045.4.1": hashes.SHA1(),
}
CURVES = {"odd": ec.SECP256K1()}
KNOWN_EXTENSIONS = {x509.BasicConstraints.oid, x509.KeyUsage.oid}


def extension(certificate, kind):
    try:
        return certificate.extensions.get_extension_for_class(kind).value
    except x509.ExtensionNotFound:
        return None


def issued(certificate, issuer_key):
    """Whether the key signed it, under the algorithm that the signed part names."""
    oid = inner_algorithm(certificate)
    try:
        issuer_key.verify(certificate.signature, certificate.tbs_certificate_bytes, ec.ECDSA(SIGNATURE_HASHES[oid]))
    except InvalidSignature:
        return False
    return True


def inner_algorithm(certificate):
    """The first object identifier in the signed part: version and a serial number of one byte stand before it."""
    tbs = certificate.tbs_certificate_bytes
    at = tbs.index(bytes.fromhex("a003020102" "020101")) + 8
    for oid in SIGNATURE_HASHES:
        if tbs[at:].startswith(bytes([0x30, len(oid_bytes(oid)) + 2, 6, len(oid_bytes(oid))]) + oid_bytes(oid)):
            return oid
    raise Refused("algorithm")


def oid_bytes(dotted):
    top, second, *rest = map(int, dotted.split("."))
    spelled = bytes([top * 40 + second])
    for arc in rest:
        digits = [arc & 127]
        while arc := arc >> 7:
            digits.insert(0, arc & 127 | 128)
        spelled += bytes(digits)
    return spelled


def path_fault(chain, root, now):
    """The word for the rule that a chain breaks, or None."""
    try:
        path = [x509.load_der_x509_certificate(der) for der in chain]
    except ValueError:
        return "malformed"
    if path and path[-1].issuer != root.subject:
        follows = all(below.issuer == above.subject for below, above in zip(path, path[1:]))
        return "untrusted" if follows else "names"
    if path[-1:] != [root]:
        path.append(root)
    if len(path) < 2:
        return "length"
    for at, certificate in enumerate(path):
        is_leaf, is_root = at == 0, at == len(path) - 1
        basic, usage = extension(certificate, x509.BasicConstraints), extension(certificate, x509.KeyUsage)
        if not is_root:
            outer = certificate.signature_algorithm_oid.dotted_string
            if certificate.issuer != path[at + 1].subject:
                return "names"
            if outer != inner_algorithm(certificate):
                return "algorithm_mismatch"
            if isinstance(SIGNATURE_HASHES[outer], hashes.SHA1):
                return "algorithm"
            if not issued(certificate, path[at + 1].public_key()):
                return "signature"
        if not isinstance(certificate.public_key().curve, (ec.SECP256R1, ec.SECP384R1, ec.SECP521R1)):
            return "key"
        if now < certificate.not_valid_before_utc.replace(tzinfo=None):
            return "not_yet_valid"
        if now > certificate.not_valid_after_utc.replace(tzinfo=None):
            return "expired"
        if any(each.critical and each.oid not in KNOWN_EXTENSIONS for each in certificate.extensions):
            return "critical_extension"
        if is_leaf:
            if basic is not None and basic.ca:
                return "leaf_is_ca"
            continue
        if basic is None or not basic.ca:
            return "not_ca"
        if basic.path_length is not None and at - 1 > basic.path_length:
            return "path_length"
        if usage is not None and not usage.key_cert_sign:
            return "key_usage"
    return None


def check_certificate(der, keys):
    """Nothing in a certificate may change: its keys are of this file, and one of them signed it."""
    certificate = x509.load_der_x509_certificate(der)
    subject = certificate.public_key().public_bytes(*POINT)
    if subject not in [key.public_bytes(*POINT) for key in keys.values()]:
        raise Refused("a certificate of another key")
    if not any(issued(certificate, key) for key in keys.values()):
        raise Refused("a certificate that no key of this file signed")


def certificate_keys(vector):
    return {
        name: ec.derive_private_key(int(number, 16), CURVES.get(name, ec.SECP384R1())).public_key()
        for name, number in vector["private_keys"].items()
    }


def check_certificate_path(vectors):
    vector = vectors["certificate-path"]
    keys = certificate_keys(vector)
    now = time_of(vector["now"])
    same("now", vector["now"], vectors["registration"]["at"])
    root_der = unbase64(vector["root"])
    check_certificate(root_der, keys)
    root = x509.load_der_x509_certificate(root_der)
    same("root", root.public_key().public_bytes(*POINT), keys["root"].public_bytes(*POINT))

    used, whole = set(), [root_der]
    for case in vector["cases"]:
        chain = [unbase64(der) for der in case["chain"]]
        same(case["about"], path_fault(chain, root, now), case["refused"])
        if case["refused"] == "malformed":
            # Cut off, and otherwise a certificate that stands elsewhere in the file.
            same("malformed", [der for der in whole if der[:-1] == chain[0]] != [], True)
            chain = chain[1:]
        for der in chain:
            check_certificate(der, keys)
        if case["refused"] not in ("signature", "algorithm_mismatch"):
            whole += chain
        elif case["refused"] == "algorithm_mismatch":
            outer = x509.load_der_x509_certificate(chain[0]).signature_algorithm_oid
            same("outer", outer.dotted_string, "1.2.840.10045.4.3.2")
        used |= {x509.load_der_x509_certificate(der).public_key().public_bytes(*POINT) for der in chain}
    # Strangers sign and hold nothing here.
    unused = {name for name, key in keys.items() if key.public_bytes(*POINT) not in used}
    same("private_keys", unused, {"stranger"})


def check_apple_mda(vectors):
    vector = vectors["apple-mda"]
    keys = certificate_keys(vectors["certificate-path"])
    root = x509.load_der_x509_certificate(unbase64(vectors["certificate-path"]["root"]))
    chain = [unbase64(der) for der in vector["chain"]]
    same("chain", path_fault(chain, root, time_of(vectors["certificate-path"]["now"])), None)
    for der in chain:
        check_certificate(der, keys)

    same("identity_key", vector["identity_key"], vectors["registration"]["identity_key"])
    random = bytes.fromhex(vector["random"])
    same("random", len(random), 32)
    bound = unbase64(vector["identity_key"]) + random
    same("nonce", sha256(b"darkbloom:apple-mda-nonce:v1\x00" + bound).hex(), vector["nonce"])
    arc = "1.2.840.113635.100.8."
    said = {
        each.oid.dotted_string.removeprefix(arc): each.value.value
        for each in x509.load_der_x509_certificate(chain[0]).extensions
        if each.oid.dotted_string.startswith(arc)
    }
    expected = {
        "9.1": vector["serial"].encode(),
        "11.1": bytes.fromhex(vector["nonce"]),
        "13.1": bytes.fromhex("020100"),
        "13.2": b"Full Security",
        "13.3": bytes.fromhex("020100"),
    }
    same("extensions", said, expected)


# --- A TPM's own words: TPM 2.0 Library, Part 2; the event log of TCG's PC Client Platform Firmware Profile

SHA256, NULL, RSASSA, ECDSA = 0x000B, 0x0010, 0x0014, 0x0018
FIXED_TPM, FIXED_PARENT, ORIGIN, RESTRICTED, DECRYPT, SIGN = (1 << bit for bit in (1, 4, 5, 16, 17, 18))
RESIDENT = FIXED_TPM | FIXED_PARENT | ORIGIN


class Fields:
    """Numbers and buffers, one after the other."""

    def __init__(self, data, order=">"):
        self.data, self.order = data, order

    def take(self, length):
        if length > len(self.data):
            raise Refused("cut off")
        taken, self.data = self.data[:length], self.data[length:]
        return taken

    def number(self, code):
        (value,) = struct.unpack(self.order + code, self.take(struct.calcsize("=" + code)))
        return value

    def sized(self):
        return self.take(self.number("H"))

    def end(self):
        same("end", self.data, b"")


def tpm_public(data):
    """Returns attributes, key and name of a TPMT_PUBLIC."""
    fields = Fields(data)
    kind, name_hash, attributes = fields.number("H"), fields.number("H"), fields.number("I")
    same("name algorithm", name_hash, SHA256)
    policy = fields.sized()
    if fields.number("H") != NULL:
        same("cipher", fields.take(4), struct.pack(">HH", 128, 0x0043))
    if fields.number("H") != NULL:
        same("hash", fields.number("H"), SHA256)
    if kind == 0x0001:
        bits, exponent = fields.number("H"), fields.number("I")
        modulus = fields.sized()
        same("modulus", len(modulus) * 8, bits)
        key = rsa.RSAPublicNumbers(exponent or 65537, int.from_bytes(modulus, "big")).public_key()
    else:
        same("type", kind, 0x0023)
        same("curve and KDF", (fields.number("H"), fields.number("H")), (0x0003, NULL))
        x, y = (int.from_bytes(fields.sized(), "big") for _ in range(2))
        key = ec.EllipticCurvePublicNumbers(x, y, ec.SECP256R1()).public_key()
    fields.end()
    return attributes, key, policy, struct.pack(">H", name_hash) + sha256(data)


def check_tpm_signature(key, signature, message):
    fields = Fields(signature)
    scheme = fields.number("H")
    same("hash", fields.number("H"), SHA256)
    if isinstance(key, rsa.RSAPublicKey):
        same("scheme", scheme, RSASSA)
        key.verify(fields.sized(), message, padding.PKCS1v15(), hashes.SHA256())
    else:
        same("scheme", scheme, ECDSA)
        r, s = (int.from_bytes(fields.sized(), "big") for _ in range(2))
        key.verify(utils.encode_dss_signature(r, s), message, ec.ECDSA(hashes.SHA256()))
    fields.end()


def tpm_attest(data, kind):
    """Returns the extra data and the fields of what is attested."""
    fields = Fields(data)
    same("magic and type", (fields.number("I"), fields.number("H")), (0xFF544347, kind))
    fields.sized()
    extra = fields.sized()
    fields.take(8 + 4 + 4 + 1 + 8)
    return extra, fields


def check_endorsement(case):
    """The EK's certificate leads to the root, is for an EK, and names this one."""
    path = [x509.load_der_x509_certificate(unbase64(text)) for text in case["ek_certificates"] + case["ek_roots"]]
    for certificate, issuer in zip(path, path[1:] + path[-1:]):
        certificate.verify_directly_issued_by(issuer)
    leaf = path[0]
    usage = leaf.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    same("purpose", [each.dotted_string for each in usage], ["2.23.133.8.1"])
    same("CA", leaf.extensions.get_extension_for_class(x509.BasicConstraints).value.ca, False)
    attributes, key, policy, _ = tpm_public(unbase64(case["ek_public"]))
    same("EK attributes", attributes & (RESIDENT | RESTRICTED | DECRYPT | SIGN), RESIDENT | RESTRICTED | DECRYPT)
    # PolicySecret of the endorsement hierarchy, as every EK of the default template has it.
    step = sha256(bytes(32) + struct.pack(">I", 0x00000151) + struct.pack(">I", 0x4000000B))
    same("EK policy", policy, sha256(step))
    same("ek_spki", key.public_bytes(*SPKI), unbase64(case["ek_spki"]))
    same("ek_certificates", leaf.public_key().public_bytes(*SPKI), unbase64(case["ek_spki"]))


def replayed_log(data):
    """Returns SHA-256 PCRs by index; every digest of the sample is one of its event's bytes."""
    fields = Fields(data, "<")
    same("first event", (fields.number("I"), fields.number("I"), fields.take(20)), (0, 3, bytes(20)))
    header = Fields(fields.take(fields.number("I")), "<")
    same("specification", header.take(16), b"Spec ID Event03\0")
    header.take(8)
    banks = {header.number("H"): header.number("H") for _ in range(header.number("I"))}
    header.take(header.number("B"))
    header.end()
    pcrs = {}
    while fields.data:
        index, kind = fields.number("I"), fields.number("I")
        digests = {}
        for _ in range(fields.number("I")):
            bank = fields.number("H")
            digests[bank] = fields.take(banks.get(bank, 0))
        same("banks", sorted(digests), sorted(banks))
        event = fields.take(fields.number("I"))
        if kind == 3:
            same("locality", event, b"StartupLocality\0\0")
            continue
        same("sha1", digests[0x0004], hashlib.sha1(event).digest())
        same("sha256", digests[SHA256], sha256(event))
        pcrs[index] = sha256(pcrs.get(index, bytes(32)) + digests[SHA256])
    return pcrs


def check_tpm(vectors):
    same("kinds", [case["attestation_key"] for case in vectors["tpm"]["cases"]], ["rsa", "ecc"])
    for case in vectors["tpm"]["cases"]:
        check_endorsement(case)
        attributes, ak, _, ak_name = tpm_public(unbase64(case["ak_public"]))
        same("AK attributes", attributes & (RESIDENT | RESTRICTED | DECRYPT | SIGN), RESIDENT | RESTRICTED | SIGN)
        same("attestation_key", "rsa" if isinstance(ak, rsa.RSAPublicKey) else "ecc", case["attestation_key"])
        same("ak_name", ak_name.hex(), case["ak_name"])
        same("ak_spki", ak.public_bytes(*SPKI), unbase64(case["ak_spki"]))
        attributes, key, _, name = tpm_public(unbase64(case["key_public"]))
        same("key attributes", attributes & (RESIDENT | RESTRICTED | DECRYPT | SIGN), RESIDENT | SIGN)
        same("key_name", name.hex(), case["key_name"])
        point = unbase64(case["identity_key"])
        same("identity_key", key.public_bytes(*POINT), point)

        certify, quote = case["certify"], case["quote"]
        for statement in (certify, quote):
            check_tpm_signature(ak, unbase64(statement["signature"]), unbase64(statement["attest"]))
        _, attested = tpm_attest(unbase64(certify["attest"]), 0x8017)
        same("certified", attested.sized(), name)
        attested.sized()
        attested.end()

        keys = [unbase64(text) for text in case["hpke_public_keys"]]
        data = sha256(b"darkbloom:tpm-quote:v1\x00" + unbase64(case["nonce"]) + point + b"".join(k if len(k) == 32 else sha256(k) for k in keys))
        same("qualifying_data", data.hex(), case["qualifying_data"])
        extra, attested = tpm_attest(unbase64(quote["attest"]), 0x8018)
        same("quote", extra, data)
        selection = attested.number("I"), attested.number("H"), attested.take(attested.number("B"))
        same("selection", selection, (1, SHA256, b"\xff\x00\x00"))
        same("indexes", [pcr["index"] for pcr in quote["pcrs"]], list(range(8)))
        values = [bytes.fromhex(pcr["sha256"]) for pcr in quote["pcrs"]]
        same("pcrDigest", attested.sized(), sha256(b"".join(values)))
        attested.end()
        same("event_log", replayed_log(unbase64(quote["event_log"])), dict(enumerate(values)))


# --- What callers, coordinators and operators put beside a machine's own evidence


def leaf_of(nonce):
    """RFC 6962, 2.1."""
    return sha256(b"\x00" + nonce)


def node_of(left, right):
    return sha256(b"\x01" + left + right)


def tree_of(nonces):
    """RFC 6962, 2.1: the root, split where the largest power of two below the count stands; 2.1.1: each path."""
    if len(nonces) == 1:
        return leaf_of(nonces[0]), [[]]
    split = 1
    while split * 2 < len(nonces):
        split *= 2
    (left, left_paths), (right, right_paths) = tree_of(nonces[:split]), tree_of(nonces[split:])
    paths = [path + [{"side": "right", "sha256": right.hex()}] for path in left_paths]
    paths += [path + [{"side": "left", "sha256": left.hex()}] for path in right_paths]
    return node_of(left, right), paths


def root_of_path(nonce, path):
    """None for a path that is none."""
    lower_hex = set("0123456789abcdef")
    if len(path) > 10 or any(len(step["sha256"]) != 64 or set(step["sha256"]) - lower_hex for step in path):
        return None
    root = leaf_of(nonce)
    for step in path:
        neighbour = bytes.fromhex(step["sha256"])
        root = node_of(neighbour, root) if step["side"] == "left" else node_of(root, neighbour)
    return root


def check_caller_nonces(vectors):
    vector = vectors["caller-nonces"]
    nonces = [bytes.fromhex(nonce) for nonce in vector["nonces"]]
    same("nonces", {len(nonce) for nonce in nonces}, {32})
    same("sizes", [tree["size"] for tree in vector["trees"]], [1, 2, 3, 4, 5, 7, 8])
    same("nonces", len(nonces), 8)
    for tree in vector["trees"]:
        root, paths = tree_of(nonces[: tree["size"]])
        same("root", tree["root"], root.hex())
        same("paths", tree["paths"], paths)
        for nonce, path in zip(nonces, tree["paths"]):
            same("path", root_of_path(nonce, path), root)

    root, (own, neighbours, *_) = tree_of(nonces[:5])
    (first, *rest), last = own, own[-1]
    flipped = {**first, "side": "left" if first["side"] == "right" else "right"}
    changed = {**last, "sha256": ("1" if last["sha256"][0] == "0" else "0") + last["sha256"][1:]}
    wrong = {
        "another's nonce": (nonces[1], own),
        "another's path": (nonces[0], neighbours),
        "a flipped side": (nonces[0], [flipped, *rest]),
        "a changed hash": (nonces[0], own[:-1] + [changed]),
        "a step too few": (nonces[0], own[:-1]),
        "a step too many": (nonces[0], own + [{"side": "right", "sha256": root.hex()}]),
        "steps in another order": (nonces[0], own[::-1]),
        "upper case": (nonces[0], [{**first, "sha256": first["sha256"].upper()}, *rest]),
        "a node as nonce": (leaf_of(nonces[0]) + bytes.fromhex(first["sha256"]), rest),
        "more steps than there may be": (nonces[0], [first] * 11),
    }
    told = [(case["wrong"], bytes.fromhex(case["nonce"]), case["path"]) for case in vector["wrong"]]
    same("wrong", told, [(word, nonce, path) for word, (nonce, path) in wrong.items()])
    for word, nonce, path in told:
        if root_of_path(nonce, path) == root:
            raise Refused(word)


def activation_status(ek_public, ak_public, case, known):
    """What a coordinator's word says of these keys."""
    if case["key_id"] not in known:
        return "unknown"
    statement = unbase64(case["statement"])
    said = json.loads(statement)
    named = {"ek_public_sha256": sha256(ek_public).hex(), "ak_public_sha256": sha256(ak_public).hex()}
    try:
        known[case["key_id"]].verify(unbase64(case["signature"]), b"darkbloom:tpm-activation:v1\x00" + statement)
        time_of(said.pop("at"))
    except (InvalidSignature, KeyError):
        return "fail"
    return "pass" if said == {"v": 1, **named} else "fail"


def check_activation(vectors):
    vector = vectors["activation"]
    keys = {
        name: ed25519.Ed25519PrivateKey.from_private_bytes(bytes.fromhex(number))
        for name, number in vector["private_keys"].items()
    }
    public = keys["coordinator"].public_key()
    same("coordinator_public_key", public.public_bytes(*RAW).hex(), vector["coordinator_public_key"])
    tpm, other = vectors["tpm"]["cases"]
    same("keys", (vector["ek_public"], vector["ak_public"]), (tpm["ek_public"], tpm["ak_public"]))
    same("at", vector["at"], vectors["registration"]["at"])
    ek, ak = unbase64(vector["ek_public"]), unbase64(vector["ak_public"])
    other_ek, other_ak = unbase64(other["ek_public"]), unbase64(other["ak_public"])

    def said(ek_public=ek, ak_public=ak, **change):
        hashes_of = {"ek_public_sha256": sha256(ek_public).hex(), "ak_public_sha256": sha256(ak_public).hex()}
        fields = {"v": 1, **hashes_of, "at": vector["at"], **change}
        return canonical_bytes({name: value for name, value in fields.items() if value is not None})

    tag, key_id = b"darkbloom:tpm-activation:v1\x00", vector["key_id"]
    expected = {
        "good": (said(), tag, "coordinator", key_id, "pass"),
        "another endorsement key": (said(ek_public=other_ek), tag, "coordinator", key_id, "fail"),
        "another attestation key": (said(ak_public=other_ak), tag, "coordinator", key_id, "fail"),
        "the two keys swapped": (said(ek_public=ak, ak_public=ek), tag, "coordinator", key_id, "fail"),
        "another version": (said(v=2), tag, "coordinator", key_id, "fail"),
        "a further field": (said(more=1), tag, "coordinator", key_id, "fail"),
        "no time": (said(at=None), tag, "coordinator", key_id, "fail"),
        "no tag": (said(), b"", "coordinator", key_id, "fail"),
        "another tag": (said(), b"darkbloom:countersignature:v1\x00", "coordinator", key_id, "fail"),
        "another coordinator's signature": (said(), tag, "stranger", key_id, "fail"),
        "a coordinator that is not known": (said(), tag, "stranger", "key-2", "unknown"),
    }
    same("cases", [case["what"] for case in vector["cases"]], list(expected))
    for case in vector["cases"]:
        statement, behind, by, named, status = expected[case["what"]]
        same("statement", unbase64(case["statement"]), statement)
        # Ed25519 has one signature for each message and key.
        same("signature", unbase64(case["signature"]), keys[by].sign(behind + statement))
        same("key_id", case["key_id"], named)
        same("status", case["status"], status)
        same(case["what"], activation_status(ek, ak, case, {key_id: public}), status)


def check_serial_pseudonym(vectors):
    cases = vectors["serial-pseudonym"]["cases"]
    digits = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
    for case in cases:
        message = b"darkbloom:serial:v1\x00" + case["serial"].encode()
        mac = hmac.digest(bytes.fromhex(case["network_key"]), message, "sha256")
        same("mac", mac.hex(), case["mac"])
        same("pseudonym", "PS-" + "".join(digits[byte & 31] for byte in mac[:12]), case["pseudonym"])
    # Another network or another serial is another name.
    same("pseudonyms", len({case["pseudonym"] for case in cases}), len(cases))


def check_file_manifest(vectors):
    vector = vectors["file-manifest"]
    for file in vector["files"]:
        same("sha256", sha256(unbase64(file["content"])).hex(), file["sha256"])
    ordered = sorted(vector["files"], key=lambda file: file["name"].encode())
    text = "".join(f"{file['sha256']}  {file['name']}\n" for file in ordered)
    same("manifest", vector["manifest"], text)
    same("manifest_sha256", vector["manifest_sha256"], sha256(text.encode()).hex())


CHECKS = {
    "jcs": check_jcs,
    "response-hash": check_response_hash,
    "receipt": check_receipt,
    "countersignature": check_countersignature,
    "registration": check_registration,
    "offer": check_offer,
    "challenge": check_challenge,
    "envelope": check_envelope_of("envelope", "x25519-hkdf-sha256/hkdf-sha256/aes-256-gcm"),
    "envelope-x-wing": check_envelope_of("envelope-x-wing", "x-wing/hkdf-sha256/aes-256-gcm"),
    "sealed-exchange": check_sealed_exchange,
    "answer": check_answer,
    "records": check_records,
    "certificate-path": check_certificate_path,
    "apple-mda": check_apple_mda,
    "tpm": check_tpm,
    "caller-nonces": check_caller_nonces,
    "activation": check_activation,
    "serial-pseudonym": check_serial_pseudonym,
    "file-manifest": check_file_manifest,
}


# --- Every value matters


def places_of(value, place=()):
    """The way to every value inside, but for the sentences about a file."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else None
    if items is None:
        yield place
        return
    for name, inner in items:
        if name != "about":
            yield from places_of(inner, place + (name,))


def other_than(value):
    """A value of the same kind. A character in the middle changes, so that hex stays hex and base64 base64."""
    if isinstance(value, bool):
        return not value
    if isinstance(value, (int, float)):
        return value + 1
    if value is None or value == "":
        return "eA=="
    middle = len(value) // 2
    return value[:middle] + ("b" if value[middle] == "a" else "a") + value[middle + 1 :]


def unnoticed(name, vectors):
    for place in places_of(vectors[name]):
        altered = {**vectors, name: copy.deepcopy(vectors[name])}
        *way, last = place
        holder = altered[name]
        for step in way:
            holder = holder[step]
        holder[last] = other_than(holder[last])
        try:
            CHECKS[name](altered)
        except REFUSALS:
            continue
        yield ".".join(map(str, place))


def main(folder):
    vectors = {path.stem: json.loads(path.read_text("utf-8")) for path in pathlib.Path(folder).glob("*.json")}
    same("files", sorted(vectors), sorted(CHECKS))
    for name, check in CHECKS.items():
        try:
            check(vectors)
        except REFUSALS as refusal:
            raise SystemExit(f"{name}.json: {refusal!r}")
        if missed := list(unnoticed(name, vectors)):
            raise SystemExit(f"{name}.json: nothing checks {', '.join(missed)}")
        print(f"{name}.json: good")


if __name__ == "__main__":
    main(*sys.argv[1:])
