// Holds one P-256 key of this Mac's Secure Enclave and signs with it. The provider compiles and starts this
// program, and talks with it over stdin and stdout as
// apps/provider/src/identity/secure-enclave-protocol.ts says.
//
// It was written from Apple's documentation of CryptoKit. It has never been compiled or run.

import CryptoKit
import Foundation
import Security

let protocolVersion = 1
let lineBytesMax = 128 * 1024

/// The closed words of the protocol. What the system says about a failure stays here.
enum Failure: String, Error {
    case badRequest = "bad_request"
    case noEnclave = "no_enclave"
    case noKey = "no_key"
    case badKey = "bad_key"
    case failed = "failed"
}

typealias Key = SecureEnclave.P256.Signing.PrivateKey

var held: Key?

/// CryptoKit's `x963Representation` is the uncompressed point: 0x04, X, Y.
func publicKey(of key: Key) -> String {
    key.publicKey.x963Representation.base64EncodedString()
}

func bytes(_ request: [String: Any], _ name: String) throws -> Data {
    guard let text = request[name] as? String, let data = Data(base64Encoded: text) else { throw Failure.badRequest }
    return data
}

func heldKey() throws -> Key {
    guard let key = held else { throw Failure.noKey }
    return key
}

func requireEnclave() throws {
    guard SecureEnclave.isAvailable else { throw Failure.noEnclave }
}

/// No person has to be there when the key signs: the machine serves unattended once it was unlocked after its
/// start. Nothing but the enclave of this device can use the key.
func newKey() -> Key? {
    guard
        let access = SecAccessControlCreateWithFlags(
            nil, kSecAttrAccessibleAfterFirstUnlockThisDeviceOnly, .privateKeyUsage, nil)
    else { return nil }
    return try? Key(accessControl: access)
}

func answer(_ request: [String: Any]) throws -> [String: Any] {
    switch request["do"] as? String {
    case "hello":
        return ["protocol": protocolVersion, "enclave": SecureEnclave.isAvailable]
    case "create":
        try requireEnclave()
        guard let key = newKey() else { throw Failure.failed }
        held = key
        return ["key": key.dataRepresentation.base64EncodedString(), "public_key": publicKey(of: key)]
    case "load":
        try requireEnclave()
        let data = try bytes(request, "key")
        guard let key = try? Key(dataRepresentation: data) else { throw Failure.badKey }
        held = key
        return ["public_key": publicKey(of: key)]
    case "public_key":
        return ["public_key": publicKey(of: try heldKey())]
    case "sign":
        let message = try bytes(request, "message")
        // Of data, not of a digest: this call hashes with SHA-256 itself.
        guard let signature = try? heldKey().signature(for: message) else {
            throw held == nil ? Failure.noKey : Failure.failed
        }
        return ["signature": signature.derRepresentation.base64EncodedString()]
    default:
        throw Failure.badRequest
    }
}

func write(_ object: [String: Any]) {
    guard var line = try? JSONSerialization.data(withJSONObject: object, options: [.sortedKeys]) else { exit(1) }
    line.append(0x0A)
    FileHandle.standardOutput.write(line)
}

/// Input that is no request ends the program: whoever started it notices, and starts another.
func reply(to line: Data) {
    guard
        let request = (try? JSONSerialization.jsonObject(with: line)) as? [String: Any],
        let id = request["id"] as? Int
    else { exit(1) }
    do {
        write(["id": id, "ok": try answer(request)])
    } catch let failure as Failure {
        write(["id": id, "error": failure.rawValue])
    } catch {
        write(["id": id, "error": Failure.failed.rawValue])
    }
}

var waiting = Data()
while true {
    let chunk = FileHandle.standardInput.availableData
    if chunk.isEmpty { exit(0) }
    waiting.append(chunk)
    while let end = waiting.firstIndex(of: 0x0A) {
        reply(to: waiting.subdata(in: waiting.startIndex..<end))
        waiting.removeSubrange(waiting.startIndex...end)
    }
    if waiting.count > lineBytesMax { exit(1) }
}
