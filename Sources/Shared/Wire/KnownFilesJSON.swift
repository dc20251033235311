import JSON
package import Telemetry

/// The answer to `GET /api/v1/agents/positions`: `{"host":"web-1","earlier_agent":true,"noted_at":…,"positions":[{"path":…,"device":"66",
/// "inode":"4711","offset":90,"head":[hash,length],"tail":[hash,length]}],"count":1}`. Devices and inodes are texts: not all of them are a signed number.
package enum KnownFilesJSON {
    package static func encode(_ known: KnownFiles, host: String) -> [UInt8] {
        var json = JSONWriter()
        json.beginObject()
        json.member("host", host)
        json.member("earlier_agent", known.hasEarlierAgent)
        json.member("noted_at", known.notedAt?.rfc3339)
        json.key("positions")
        json.beginArray()
        for position in known.positions {
            json.beginObject()
            json.member("path", position.path)
            json.member("device", "\(position.device)")
            json.member("inode", "\(position.inode)")
            json.member("offset", position.offset)
            mark("head", position.headHash, position.headLength, &json)
            mark("tail", position.tailHash, position.tailLength, &json)
            json.endObject()
        }
        json.endArray()
        json.member("count", known.positions.count)
        json.endObject()
        return json.bytes
    }

    private static func mark(_ name: String, _ hash: UInt64, _ length: UInt32, _ json: inout JSONWriter) {
        json.key(name)
        json.beginArray()
        json.integer(Int64(bitPattern: hash))
        json.integer(Int64(length))
        json.endArray()
    }

    /// Nil when it is not such an answer (a proxy's page, say).
    package static func decode(_ bytes: [UInt8]) -> KnownFiles? {
        guard let json = try? JSON.parse(bytes), let hasEarlierAgent = json["earlier_agent"]?.bool, let listed = json["positions"]?.array else {
            return nil
        }
        var known = KnownFiles(hasEarlierAgent: hasEarlierAgent, notedAt: json["noted_at"]?.string.flatMap { Timestamp(rfc3339: $0) })
        for entry in listed {
            guard let path = entry["path"]?.string, let device = entry["device"]?.string.flatMap({ UInt64($0) }),
                let inode = entry["inode"]?.string.flatMap({ UInt64($0) }), let offset = entry["offset"]?.integer, offset >= 0,
                let head = mark(entry["head"]), let tail = mark(entry["tail"])
            else { return nil }
            known.positions.append(
                ReadPosition(
                    path: path,
                    device: device,
                    inode: inode,
                    offset: UInt64(offset),
                    headHash: head.hash,
                    headLength: head.length,
                    tailHash: tail.hash,
                    tailLength: tail.length
                )
            )
        }
        return known
    }

    private static func mark(_ json: JSON?) -> (hash: UInt64, length: UInt32)? {
        guard let numbers = json?.array, numbers.count == 2, let hash = numbers[0].integer,
            let length = numbers[1].integer.flatMap({ UInt32(exactly: $0) })
        else { return nil }
        return (UInt64(bitPattern: Int64(hash)), length)
    }
}
