import JSON
package import Telemetry

/// The answer to `POST /api/v1/ingest`: `{"lanes":{"alerts":3,"logs":17}}`, the highest durable sequence of each lane.
package enum AcknowledgementJSON {
    /// Lanes in their order, most urgent first.
    package static func encode(_ acknowledgement: Acknowledgement) -> [UInt8] {
        var writer = JSONWriter()
        writer.beginObject()
        writer.key("lanes")
        writer.beginObject()
        for lane in Lane.allCases {
            if let sequence = acknowledgement.lanes[lane] { writer.member(lane.label, sequence) }
        }
        writer.endObject()
        writer.endObject()
        return writer.bytes
    }

    /// Nil when it is not such an answer (a proxy's page, say): then nothing is acknowledged. Lanes not known here are passed over.
    package static func decode(_ bytes: [UInt8]) -> Acknowledgement? {
        guard let lanes = (try? JSON.parse(bytes))?["lanes"]?.members else { return nil }
        var acknowledgement = Acknowledgement(lanes: [:])
        for member in lanes {
            guard let lane = Lane(label: member.key) else { continue }
            guard let sequence = member.value.integer, sequence >= 0 else { return nil }
            acknowledgement.lanes[lane] = UInt64(sequence)
        }
        return acknowledgement
    }
}
