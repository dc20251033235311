import Telemetry
import TestSupport
import Testing

@testable import Answering

struct CommonFieldsTests {
    @Test(arguments: [
        (784_111_777, "Sun, 06 Nov 1994 08:49:37 GMT"), (0, "Thu, 01 Jan 1970 00:00:00 GMT"), (951_782_400, "Tue, 29 Feb 2000 00:00:00 GMT"),
        (1_798_761_599, "Thu, 31 Dec 2026 23:59:59 GMT"), (4_102_444_800, "Fri, 01 Jan 2100 00:00:00 GMT"),
    ])
    func `a date is written as RFC 9110 asks`(seconds: Int64, text: String) { #expect(CommonFields.date(seconds) == text) }

    @Test func `each second has its own date, and every field its line`() {
        let time = ManualTime(now: Timestamp(nanoseconds: 784_111_777_999_999_999))
        let fields = CommonFields(time)
        let first = String(decoding: fields.bytes(), as: UTF8.self)
        #expect(first == "X-Content-Type-Options: nosniff\r\nCache-Control: no-store\r\nDate: Sun, 06 Nov 1994 08:49:37 GMT\r\nServer: tocsin\r\n")
        time.advance(by: .nanoseconds(1))
        #expect(String(decoding: fields.bytes(), as: UTF8.self) == first.replacing("49:37", with: "49:38"))
    }
}
