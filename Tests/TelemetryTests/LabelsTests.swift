import Telemetry
import Testing

@Suite struct LabelsTests {
    @Test func `names are sorted, the last duplicate wins, empty values are no labels`() {
        let labels = Labels([Label("b", "1"), Label("a", "2"), Label("b", "3"), Label("c", "")])
        #expect(labels.pairs == [Label("a", "2"), Label("b", "3")])
        #expect(labels["c"] == nil)
        #expect(labels == ["a": "2", "b": "3"])
    }

    @Test func `a label that is emptied by a later duplicate is gone`() {
        #expect(Labels([Label("a", "1"), Label("a", "")]).isEmpty)
    }

    @Test func `equal sets have equal fingerprints, and the boundary of name and value counts`() {
        #expect(Labels([Label("a", "1"), Label("b", "2")]).fingerprint == Labels([Label("b", "2"), Label("a", "1")]).fingerprint)
        #expect((["ab": "c"] as Labels).fingerprint != (["a": "bc"] as Labels).fingerprint)
    }

    // Alerts are stored under this number.
    @Test func `fingerprints are the same in each release`() {
        #expect((["alertname": "DiskFull", "host": "web-1"] as Labels).fingerprint == 0x82F2_DD4C_A151_5896)
    }

    @Test func `merging keeps ours`() {
        let ours: Labels = ["host": "web-1"]
        #expect(ours.merged(over: ["host": "other", "job": "x"]) == ["host": "web-1", "job": "x"])
    }

    @Test func `a series is printed as Prometheus prints it`() {
        #expect(Labels(name: "up").description == "up")
        #expect(Labels(name: "x", [Label("path", "C:\\\"a\"\n")]).description == #"x{path="C:\\\"a\"\n"}"#)
        #expect(Labels.empty.description == "{}")
    }
}
