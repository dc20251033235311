/// One message of D-Bus, as far as asking systemd needs it: calls with strings, answers with strings, paths, numbers and arrays of structs.
///
/// Layout (little-endian, dbus.freedesktop.org/doc/dbus-specification): `l`, type, flags, 1, body length u32, serial u32, header fields
/// `a(yv)`, padding to 8, body. Values lie on multiples of their size, structs on multiples of 8, counted from the message's (and the body's) start.
struct DBusMessage {
    enum Kind: UInt8 { case call = 1, answer = 2, error = 3, signal = 4 }

    /// A message is refused past this: 5 000 units are 1.5 MB.
    static let bytesMax = 8 * 1024 * 1024

    let kind: Kind
    /// Which call this answers.
    let answers: UInt32?
    let errorName: String?
    let signature: String
    let body: [UInt8]

    /// How long the whole message is, by its first 16 bytes; nil when they are no message's.
    static func length(_ head: ArraySlice<UInt8>) -> Int? {
        var reader = DBusReader(Array(head))
        guard reader.byte() == UInt8(ascii: "l"), reader.byte() != nil, reader.byte() != nil, reader.byte() == 1 else { return nil }
        guard let body = reader.number(), reader.number() != nil, let fields = reader.number() else { return nil }
        let length = 16 + (Int(fields) + 7) / 8 * 8 + Int(body)
        return length <= bytesMax ? length : nil
    }

    /// Nil for what is no whole message.
    init?(_ bytes: [UInt8]) {
        guard bytes.count >= 16, Self.length(bytes[..<16]) == bytes.count, let kind = Kind(rawValue: bytes[1]) else { return nil }
        self.kind = kind
        var reader = DBusReader(bytes)
        reader.skip(12)
        guard let fieldBytes = reader.number() else { return nil }
        let end = 16 + Int(fieldBytes)
        var (answers, errorName, signature): (UInt32?, String?, String) = (nil, nil, "")
        while reader.offset < end {
            reader.align(to: 8)
            guard let code = reader.byte(), let type = reader.signature() else { return nil }
            switch (code, type) {
            case (5, "u"): answers = reader.number()
            case (4, "s"): errorName = reader.string()
            case (8, "g"):
                guard let text = reader.signature() else { return nil }
                signature = text
            case (_, "s"), (_, "o"): guard reader.string() != nil else { return nil }
            case (_, "g"): guard reader.signature() != nil else { return nil }
            case (_, "u"): guard reader.number() != nil else { return nil }
            default: return nil
            }
        }
        guard reader.offset == end else { return nil }
        (self.answers, self.errorName, self.signature) = (answers, errorName, signature)
        body = Array(bytes[((end + 7) / 8 * 8)...])
    }

    /// A method call's bytes.
    /// - Parameters:
    ///   - destination: nil for a peer that is no bus.
    ///   - arguments: strings and arrays of strings.
    static func call(
        _ member: String,
        of interface: String,
        at path: String,
        destination: String?,
        serial: UInt32,
        arguments: [DBusArgument] = []
    ) -> [UInt8] {
        var body = DBusWriter()
        for argument in arguments { body.append(argument) }
        var fields = DBusWriter()
        func field(_ code: UInt8, _ type: String, _ value: String) {
            fields.align(to: 8)
            fields.append(code)
            fields.append(signature: type)
            if type == "g" { fields.append(signature: value) } else { fields.append(string: value) }
        }
        field(1, "o", path)
        field(2, "s", interface)
        field(3, "s", member)
        if let destination { field(6, "s", destination) }
        if !arguments.isEmpty { field(8, "g", arguments.map(\.signature).joined()) }
        var message = DBusWriter()
        message.bytes = [UInt8(ascii: "l"), Kind.call.rawValue, 0, 1]
        message.append(number: UInt32(body.bytes.count))
        message.append(number: serial)
        message.append(number: UInt32(fields.bytes.count))
        // The fields begin at 16, a multiple of 8: their own offsets hold.
        message.bytes += fields.bytes
        message.align(to: 8)
        return message.bytes + body.bytes
    }
}

/// A call's argument.
enum DBusArgument {
    case string(String)
    case strings([String])

    var signature: String {
        switch self {
        case .string: "s"
        case .strings: "as"
        }
    }
}

private struct DBusWriter {
    var bytes: [UInt8] = []

    mutating func align(to size: Int) { while bytes.count % size != 0 { bytes.append(0) } }

    mutating func append(_ byte: UInt8) { bytes.append(byte) }

    mutating func append(number: UInt32) {
        align(to: 4)
        for shift in [0, 8, 16, 24] as [UInt32] { bytes.append(UInt8(truncatingIfNeeded: number >> shift)) }
    }

    mutating func append(string: String) {
        append(number: UInt32(string.utf8.count))
        bytes += string.utf8
        bytes.append(0)
    }

    mutating func append(signature: String) {
        bytes.append(UInt8(truncatingIfNeeded: signature.utf8.count))
        bytes += signature.utf8
        bytes.append(0)
    }

    mutating func append(_ argument: DBusArgument) {
        switch argument {
        case .string(let text): append(string: text)
        case .strings(let texts):
            var list = DBusWriter()
            for text in texts { list.append(string: text) }
            append(number: UInt32(list.bytes.count))
            // The list begins at a multiple of 4, so its strings' own padding holds.
            bytes += list.bytes
        }
    }
}

/// Walks values; everything that would lie behind the end is nil.
struct DBusReader {
    private let bytes: [UInt8]
    private(set) var offset = 0

    init(_ bytes: [UInt8]) { self.bytes = bytes }

    mutating func skip(_ count: Int) { offset += count }

    mutating func align(to size: Int) { offset = (offset + size - 1) / size * size }

    mutating func byte() -> UInt8? {
        guard offset < bytes.count else { return nil }
        defer { offset += 1 }
        return bytes[offset]
    }

    mutating func number() -> UInt32? {
        align(to: 4)
        guard offset + 4 <= bytes.count else { return nil }
        defer { offset += 4 }
        return (0..<4).reduce(0) { $0 | UInt32(bytes[offset + $1]) << (8 * UInt32($1)) }
    }

    /// Strings and object paths.
    mutating func string() -> String? { number().flatMap { text(Int($0)) } }

    mutating func signature() -> String? { byte().flatMap { text(Int($0)) } }

    private mutating func text(_ count: Int) -> String? {
        guard count < bytes.count, offset + count < bytes.count, bytes[offset + count] == 0 else { return nil }
        defer { offset += count + 1 }
        return String(validating: bytes[offset..<(offset + count)], as: UTF8.self)
    }
}
