import JSON
import Telemetry
import TestSupport
import Testing
import Transferring

@testable import Notifying

/// The picture of a metric, and mails that carry it.
@Suite struct PictureTests {
    private let folder: TemporaryFolder

    init() throws { folder = try TemporaryFolder() }

    private func curve(_ values: [Double], threshold: Double? = nil) -> MetricCurve {
        let points = values.enumerated().map { MetricPoints.Point(Sample.at(-1800 + $0.offset * 1800 / max(1, values.count - 1)), $0.element) }
        return MetricCurve(
            expression: "rate(errors_total[5m])",
            series: [MetricPoints(labels: ["host": "a"], points: points)],
            threshold: threshold,
            from: Sample.at(-1800),
            to: Sample.at(300)
        )
    }

    private let alert = Sample.alert("Errors", "a")

    /// What another's decoder makes of it: width, height, and how many pixels of each colour.
    private func decode(_ png: [UInt8]) async throws -> JSON {
        try TestFiles.write(png, to: folder("picture.png"))
        let script = """
            import sys, json, struct, zlib, collections
            data = open(sys.argv[1], "rb").read()
            assert data[:8] == b"\\x89PNG\\r\\n\\x1a\\n"
            place, chunks = 8, {}
            while place < len(data):
                size, name = struct.unpack(">I4s", data[place:place + 8])
                body = data[place + 8:place + 8 + size]
                assert struct.unpack(">I", data[place + 8 + size:place + 12 + size])[0] == zlib.crc32(name + body)
                chunks[name.decode()] = body
                place += 12 + size
            width, height, depth, kind, a, b, c = struct.unpack(">IIBBBBB", chunks["IHDR"])
            rows = zlib.decompress(chunks["IDAT"])
            assert (depth, kind, a, b, c) == (8, 3, 0, 0, 0) and len(rows) == (width + 1) * height and "IEND" in chunks
            palette = chunks["PLTE"]
            counts = collections.Counter(byte for row in range(height) for byte in rows[row * (width + 1) + 1:(row + 1) * (width + 1)])
            assert max(counts) < len(palette) // 3
            colours = {"%02x%02x%02x" % tuple(palette[3 * index:3 * index + 3]): count for index, count in counts.items()}
            print(json.dumps({"width": width, "height": height, "colours": colours}))
            """
        try TestFiles.write(script, to: folder("decode.py"))
        let process = try ChildProcess.start("/usr/bin/python3", [folder("decode.py"), folder("picture.png")])
        #expect(await process.wait() == .code(0), "\(process.output)")
        return try JSON.parse(process.output)
    }

    @Test func `a picture is a PNG that others read, with the curve, the threshold and the moment`() async throws {
        let picture = try #require(MetricPicture(curve((0..<60).map { Double($0 * $0) }, threshold: 1_000), alert: alert))
        let decoded = try await decode(picture.png)
        #expect(decoded["width"]?.integer == Int64(MetricPicture.width))
        #expect(decoded["height"]?.integer == Int64(MetricPicture.height))
        let colours = try #require(decoded["colours"])
        #expect((colours["1e64c8"]?.integer ?? 0) > 400)
        #expect((colours["c81e32"]?.integer ?? 0) > 200)
        #expect((colours["f0961e"]?.integer ?? 0) > 100)
        #expect((colours["5a5a64"]?.integer ?? 0) > 600)
        #expect(picture.words.hasPrefix("rate(errors_total[5m]): 0 to 3.48k, compared with 1k, from 2025-12-31T23:30:00Z"))
        #expect(picture.png.count < 8_000)
    }

    @Test func `the same curve gives the same bytes`() {
        #expect(MetricPicture(curve([1, 2, 3]), alert: alert)?.png == MetricPicture(curve([1, 2, 3]), alert: alert)?.png)
    }

    @Test(
        arguments: [
            [5, 5, 5], [0, 0], [-3, 3], [1e300, -1e300], [.greatestFiniteMagnitude, -.greatestFiniteMagnitude], [1e-300, 2e-300],
            [.nan, 1, .infinity, 2],
        ] as [[Double]]
    )
    func `any values can be drawn`(values: [Double]) async throws {
        let picture = try #require(MetricPicture(curve(values, threshold: .nan), alert: alert))
        #expect(try await decode(picture.png)["colours"]?["1e64c8"] != nil)
    }

    @Test func `what cannot be drawn is not drawn`() {
        #expect(MetricPicture(curve([1]), alert: alert) == nil)
        #expect(MetricPicture(curve([.nan, .nan, .infinity]), alert: alert) == nil)
        var backwards = curve([1, 2, 3])
        (backwards.from, backwards.to) = (backwards.to, backwards.from)
        #expect(MetricPicture(backwards, alert: alert) == nil)
    }

    @Test(arguments: [
        (0.0, "0"), (1, "1"), (12.345, "12.3"), (-0.5, "-0.5"), (999.6, "1k"), (1_500, "1.5k"), (2_500_000, "2.5M"), (3e9, "3G"), (5e-7, "5e-7"),
        (1e300, "1e300"),
    ])
    func `values are short`(value: Double, expected: String) { #expect(MetricPicture.short(value) == expected) }

    private struct Source: MetricPictureSource {
        let answer: MetricCurve?
        func curve(for alert: Alert) async -> MetricCurve? { answer }
    }

    private func email(port: Int) -> EmailConfig {
        EmailConfig(
            to: "Ops <ops@example.org>, b@example.org",
            from: "Tocsin <tocsin@example.org>",
            host: "127.0.0.1",
            port: port,
            requireTLS: false,
            sendResolved: true
        )
    }

    @Test func `the mail shows the picture beside its alert, and the text part says it in words`() async throws {
        let server = try await TestServer.smtp(in: folder)
        let curve = curve([1, 2, 3], threshold: 2)
        let rig = ChannelRig(receiver: Receiver(name: "ops", emails: [email(port: server.port)]), pictures: Source(answer: curve))
        #expect(text(await rig.attempt(ChannelRig.notification([alert])).outcome).hasPrefix("delivered 250"))
        let mail = try JSON.parse(server.records[0])
        #expect(mail["types"]?.array?.compactMap(\.string) == ["multipart/related", "multipart/alternative", "text/plain", "text/html", "image/png"])
        #expect(mail["pictures"]?[0]?["id"]?.string == "<picture@tocsin>")
        #expect(mail["pictures"]?[0]?["bytes"]?.string?.hasPrefix("iVBORw0KGgo") == true)
        #expect(mail["html"]?.string?.contains("<img src=\"cid:picture@tocsin\"") == true)
        #expect(mail["defects"]?.array?.isEmpty == true)
        // Nothing to draw: the mail goes without.
        let bare = ChannelRig(receiver: Receiver(name: "ops", emails: [email(port: server.port)]), pictures: Source(answer: nil))
        #expect(text(await bare.attempt(ChannelRig.notification([alert])).outcome).hasPrefix("delivered 250"))
        #expect(try JSON.parse(server.records[1])["type"]?.string == "multipart/alternative")
    }

    @Test func `all that is told of a group from its beginning to its end is one thread, and the next time another`() async throws {
        let server = try await TestServer.smtp(in: folder)
        let rig = ChannelRig(receiver: Receiver(name: "ops", emails: [email(port: server.port)]))
        var again = ChannelRig.notification([alert])
        again.openedAt = Sample.at(86_400)
        var notifications = [ChannelRig.notification([alert]), ChannelRig.notification([Sample.alert("Errors", "a", .resolved)]), again]
        notifications[1].reason = .allResolved
        for (index, notification) in notifications.enumerated() { _ = await rig.attempt(notification, id: UUID(high: 0, low: UInt64(index))) }
        let mails = try server.records.map { try JSON.parse($0) }
        let threads = mails.map { $0["headers"]?["in-reply-to"]?.string ?? "" }
        #expect(threads[0] == threads[1])
        #expect(threads[0] != threads[2])
        #expect(threads[0].hasSuffix(".thread@example.org>"))
        #expect(mails.map { $0["headers"]?["references"]?.string ?? "" } == threads)
        #expect(Set(mails.compactMap { $0["message_id"]?.string }).count == 3)
    }
}
