package import HTTPTypes
package import Hummingbird
package import JSON

/// An answer that is whole before its first byte is sent.
package struct WholeAnswer: Sendable {
    package var status: HTTPResponse.Status
    package var headers: HTTPFields
    package var body: [UInt8]

    package init(_ status: HTTPResponse.Status, headers: HTTPFields = [:], type: String, _ body: [UInt8]) {
        (self.status, self.headers, self.body) = (status, headers, body)
        self.headers[.contentType] = type
    }

    /// An answer in JSON.
    package static func json(_ status: HTTPResponse.Status = .ok, headers: HTTPFields = [:], _ write: (inout JSONWriter) -> Void) -> WholeAnswer {
        var json = JSONWriter()
        write(&json)
        return WholeAnswer(status, headers: headers, type: "application/json", json.bytes)
    }

    package var response: Response { Response(status: status, headers: headers, body: ResponseBody(byteBuffer: ByteBuffer(bytes: body))) }
}
