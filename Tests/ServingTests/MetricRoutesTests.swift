import HTTPTypes
import JSON
import Serving
import Synchronization
import Telemetry
import Testing

struct MetricRoutesTests {
    private let window = Window()

    @Test func `a vector in Prometheus's shape`() async throws {
        window.rooms.set { state in
            state.answer = .vector([Sample("up", [Label("host", "a")], at: Timestamp(milliseconds: 1_435_781_451_781), .infinity)])
        }
        let answer = try await window.ask("/api/v1/query?query=up%7Bhost%3D%22a%22%7D&time=1435781451.781")
        #expect(
            answer.text
                == #"{"status":"success","data":{"resultType":"vector","result":[{"metric":{"__name__":"up","host":"a"},"value":[1435781451.781,"+Inf"]}]}}"#
        )
        #expect(window.rooms.state.withLock { $0.queries } == [#"up{host="a"} @ 2015-07-01T20:10:51.781Z"#])
    }

    @Test func `scalar, string and matrix`() async throws {
        let at = Timestamp(milliseconds: 1500)
        window.rooms.set { $0.answer = .scalar(0.5, at: at) }
        #expect(try await window.ask("/api/v1/query?query=1").text == #"{"status":"success","data":{"resultType":"scalar","result":[1.5,"0.5"]}}"#)
        window.rooms.set { $0.answer = .string("x", at: at) }
        #expect(try await window.ask("/api/v1/query?query=1").json["data"]?["resultType"]?.string == "string")
        window.rooms.set { $0.answer = .matrix([MetricPoints(labels: ["a": "b"], points: [.init(at, 1), .init(at, .nan)])]) }
        let answer = try await window.ask("/api/v1/query_range?query=x&start=0&end=60&step=15s")
        #expect(
            answer.text == #"{"status":"success","data":{"resultType":"matrix","result":[{"metric":{"a":"b"},"values":[[1.5,"1"],[1.5,"NaN"]]}]}}"#
        )
        #expect(window.rooms.state.withLock { $0.queries.last } == "x @ 1970-01-01T00:00:00Z 1970-01-01T00:01:00Z 15.0 seconds")
    }

    @Test func `a form may be posted`() async throws {
        let answer = try await window.ask(
            "/api/v1/query",
            method: .post,
            "query=a+%2B+b&time=2026-01-01T00:00:00Z",
            headers: [.contentType: "application/x-www-form-urlencoded"]
        )
        #expect(answer.status == 200)
        #expect(window.rooms.state.withLock { $0.queries } == ["a + b @ 2026-01-01T00:00:00Z"])
    }

    @Test(arguments: [
        "query", "query?query=", "query?query=up&time=x", "query_range?query=up", "query_range?query=up&start=0&end=1",
        "query_range?query=up&start=1&end=0&step=1", "query_range?query=up&start=0&end=1&step=0", "query_range?query=up&start=0&end=1&step=1x",
        "query_range?query=up&start=0&end=11000&step=1",
    ])
    func `wrong parameters are bad_data`(path: String) async throws {
        let answer = try await window.ask("/api/v1/" + path)
        #expect(answer.status == 400)
        #expect(answer.json["status"]?.string == "error")
        #expect(answer.json["errorType"]?.string == "bad_data")
        #expect(answer.json["error"]?.string?.isEmpty == false)
    }

    @Test(arguments: [(QueryError.invalid("x"), 400, "bad_data"), (.limit("x"), 422, "execution"), (.failed("x"), 500, "internal")])
    func `errors of the evaluation have Prometheus's words`(error: QueryError, status: Int, type: String) async throws {
        window.rooms.set { $0.error = error }
        let answer = try await window.ask("/api/v1/query?query=up")
        #expect(answer.status == status)
        #expect(answer.json == ["status": "error", "errorType": .string(type), "error": "x"])
    }
}
