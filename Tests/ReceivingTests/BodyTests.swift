import Answering
import HTTPTypes
import Hummingbird
import HummingbirdTesting
import JSON
import NIOCore
import Telemetry
import Testing
import Wire

@testable import Receiving

struct BodyTests {
    @Test func `gzip is undone, other encodings are refused`() async throws {
        let bench = Bench()
        #expect(try await bench.post("/events", Gzip.compress(Array(good.utf8)), [.contentEncoding: "gzip"]).status == 201)
        #expect(bench.admission.submissions.first?.inflatedBytes == good.utf8.count)
        #expect(try await bench.post("/events", zstd, [.contentEncoding: "zstd"]).status == 201)
        #expect(bench.admission.submissions.last?.inflatedBytes == good.utf8.count)
        #expect(try await bench.post("/events", Array(zstd.dropLast(3)), [.contentEncoding: "zstd"]).status == 400)
        #expect(try await bench.post("/events", good, [.contentEncoding: "zstd"]).status == 400)
        #expect(try await bench.post("/events", good, [.contentEncoding: "br"]).status == 415)
        #expect(try await bench.post("/events", good, [.contentEncoding: "gzip"]).status == 400)
    }

    @Test(arguments: ["application/json; charset=utf-8", "application/cloudevents+json", "application/x-ndjson"])
    func `content types of JSON are read`(type: String) async throws {
        #expect(try await Bench().post("/events", good, [.contentType: type]).status == 201)
    }

    @Test(arguments: ["text/xml", "multipart/form-data; boundary=x", "text/plain"])
    func `other content types are refused`(type: String) async throws {
        let answer = try await Bench().post("/events", good, [.contentType: type])
        #expect(answer.status == 415)
        #expect(answer.isProblem)
    }

    @Test func `a body over the limit is refused and nothing of it is held`() async throws {
        let bench = Bench(limits: ReceivingLimits(body: BodyLimits(bytesMax: 100_000)))
        let answer = try await bench.post("/events", [UInt8](repeating: 0x20, count: 4_000_000))
        #expect(answer.status == 413)
        #expect(answer.isProblem)
        #expect(answer.headers[.connection] == nil)
        #expect(bench.budget.bytesHeld == 0)
    }

    @Test func `behind what is read away the connection ends`() async throws {
        let limits = ReceivingLimits(body: BodyLimits(bytesMax: 100_000, discardedBytesMax: 1_000_000))
        let answer = try await Bench(limits: limits).post("/events", [UInt8](repeating: 0x20, count: 4_000_000))
        #expect(answer.status == 413)
        #expect(answer.headers[.connection] == "close")
    }

    @Test func `a zstd bomb is refused at the limit`() async throws {
        // Blocks of one byte repeated 128 KiB times (RFC 8878 §3.1.1.2): 64 MiB in 2 KiB.
        var bomb: [UInt8] = [0x28, 0xB5, 0x2F, 0xFD, 0x00, 0x68]
        for block in 0..<512 { bomb += [0x02 | (block == 511 ? 1 : 0), 0x00, 0x10, 0x20] }
        let bench = Bench(limits: ReceivingLimits(inflatedBytesMax: 1 << 20))
        #expect(try await bench.post("/events/batch", bomb, [.contentEncoding: "zstd"]).status == 413)
        #expect(bench.budget.bytesHeld == 0)
        #expect(try await Bench().post("/events/batch", bomb, [.contentEncoding: "zstd"]).status == 400)
    }

    /// On an event loop's thread a body may be little work only, whatever its trailer says.
    @Test func `what is not short in itself and inflated leaves the event loop`() throws {
        let (budget, plain) = (BodyBudget(), Array(good.utf8))
        func isShort(_ body: [UInt8], _ encoding: String?) -> Bool {
            Inflation.short(body, encoding: encoding, bytesMax: 128 << 20, share: budget.share()) != nil
        }
        var generator = SystemRandomNumberGenerator()
        let noise = (0..<70_000).map { _ in UInt8.random(in: 0...255, using: &generator) }
        let (edge, over) = ([UInt8](repeating: 0x20, count: 1 << 20), [UInt8](repeating: 0x20, count: 1 << 20 | 1))
        #expect(isShort(plain, nil) && isShort(plain, "identity"))
        #expect(isShort(Gzip.compress(plain), "gzip") && isShort(Gzip.compress(edge), "x-gzip") && isShort(zstd, "zstd"))
        #expect(!isShort(Gzip.compress(noise), "gzip") && !isShort(Gzip.compress(over), "gzip"))
        // Its trailer names one byte.
        #expect(!isShort(Gzip.compress(over) + Gzip.compress([0x20]), "gzip"))
        // 64 MiB in 2 KiB, and damage: the other way says what is wrong.
        var bomb: [UInt8] = [0x28, 0xB5, 0x2F, 0xFD, 0x00, 0x68]
        for block in 0..<512 { bomb += [0x02 | (block == 511 ? 1 : 0), 0x00, 0x10, 0x20] }
        #expect(!isShort(bomb, "zstd") && !isShort(Array(zstd.dropLast(3)), "zstd") && !isShort(plain, "gzip") && !isShort(plain, "br"))
        #expect(Inflation.short(Gzip.compress(edge), encoding: "gzip", bytesMax: 1000, share: budget.share()) == nil)
        #expect(budget.bytesHeld == 0)
    }

    @Test func `several gzip members are one text, whatever their sizes`() async throws {
        let bench = Bench()
        let lines = (0..<50).map { Array((good + String(repeating: " ", count: $0 * 1000) + "\n").utf8) }
        let body = lines.flatMap { Gzip.compress($0) }
        #expect(try await bench.post("/events/batch", body, [.contentEncoding: "gzip"]).json["collected"]?.integer == 50)
        #expect(bench.admission.submissions.first?.inflatedBytes == lines.reduce(0) { $0 + $1.count })
    }

    @Test func `a gzip bomb is refused at the limit, told by its trailer or not`() async throws {
        let bench = Bench(limits: ReceivingLimits(inflatedBytesMax: 1 << 20))
        let bomb = Gzip.compress([UInt8](repeating: 0x20, count: 64 << 20))
        #expect(bomb.count < 100_000)
        let small = Gzip.compress([0x20])
        for path in ["/events", "/events/batch", "/api/v1/ingest"] {
            for body in [bomb, bomb + small] {
                let answer = try await bench.post(path, body, [.contentEncoding: "gzip"])
                #expect(answer.status == 413)
                #expect(answer.isProblem)
            }
        }
        #expect(bench.admission.submissions.isEmpty)
        #expect(bench.budget.bytesHeld == 0)
    }

    @Test func `requests that hold too much together are told to come again`() async throws {
        let budget = BodyBudget(bytesMax: 1000)
        let other = budget.share()
        #expect(other.take(900))
        let bench = Bench(budget: budget)
        let answer = try await bench.post(
            "/events",
            #"{"source":"s","type":"t","severity":"info","message":"\#(String(repeating: "x", count: 200))"}"#
        )
        #expect(answer.status == 503)
        #expect(answer.headers[.retryAfter] == "1")
        withExtendedLifetime(other) {}
    }

    @Test func `wrong paths, methods and roles are problems too`() async throws {
        #expect(try await Bench().post("/nowhere", good).status == 404)
        let wrong = try await Bench().post("/api/v1/ingest", Array(good.utf8), method: .put)
        #expect(wrong.status == 405)
        #expect(wrong.isProblem)
        #expect(wrong.headers[.allow] == "POST")
        let missing = try await Bench(as: .missing).post("/events", good)
        #expect(missing.status == 401)
        #expect(missing.headers[.wwwAuthenticate] != nil)
        #expect(try await Bench(as: .unknown).post("/events", good).status == 401)
        #expect(try await Bench(as: .known(Principal(name: "v", role: .viewer))).post("/events", good).status == 403)
        #expect(try await Bench().post("/events", good, [.authorization: "Basic abc"]).status == 401)
    }

    @Test func `a page of another site may not write`() async throws {
        let answer = try await Bench().post("/events", good, [.origin: "https://evil.example"])
        #expect(answer.status == 403)
        #expect(try await Bench().post("/events", good, [.origin: "http://localhost"]).status == 201)
    }

    @Test func `over a real socket 100 MB are answered with 413 and the connection goes on`() async throws {
        let bench = Bench()
        try await bench.application.test(.live) { client in
            let large = try await client.execute(uri: "/events", method: .post, body: ByteBuffer(repeating: 0x20, count: 100_000_000))
            #expect(large.status.code == 413)
            #expect(large.headers[.contentType] == "application/problem+json")
            let next = try await client.execute(uri: "/events", method: .post, body: ByteBuffer(string: good))
            #expect(next.status.code == 201)
        }
        #expect(bench.budget.bytesHeld == 0)
    }
}

/// ``good`` as the zstd program packs it.
let zstd: [UInt8] = [
    0x28, 0xB5, 0x2F, 0xFD, 0x04, 0x58, 0xC9, 0x01, 0x00, 0x7B, 0x22, 0x73, 0x6F, 0x75, 0x72, 0x63, 0x65, 0x22, 0x3A, 0x22, 0x73,
    0x68, 0x6F, 0x70, 0x22, 0x2C, 0x22, 0x74, 0x79, 0x70, 0x65, 0x22, 0x3A, 0x22, 0x6F, 0x72, 0x64, 0x65, 0x72, 0x2E, 0x70, 0x6C,
    0x61, 0x63, 0x65, 0x64, 0x22, 0x2C, 0x22, 0x73, 0x65, 0x76, 0x65, 0x72, 0x69, 0x74, 0x79, 0x22, 0x3A, 0x22, 0x69, 0x6E, 0x66,
    0x6F, 0x22, 0x7D, 0x8E, 0x15, 0xEB, 0xF1,
]
