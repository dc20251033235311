package import HTTPTypes
package import Hummingbird
package import JSON

/// An answer that is whole before its first byte is sent.
package struct WholeAnswer: Sendable {
    package var status: HTTPResponse.Status
    package var headers: HTTPFields
    package var body: [UInt8]

    /// - Parameter headers: besides `Content-Type`. An answer to a short post says nothing of caching: all of them say the same.
    package init(_ status: HTTPResponse.Status, headers: HTTPFields = [:], type: String, _ body: [UInt8]) {
        (self.status, self.headers, self.body) = (status, headers, body)
        self.headers.append(HTTPField(name: .contentType, value: type))
    }

    /// An answer in JSON.
    package static func json(_ status: HTTPResponse.Status = .ok, headers: HTTPFields = [:], _ write: (inout JSONWriter) -> Void) -> WholeAnswer {
        var json = JSONWriter()
        write(&json)
        return WholeAnswer(status, headers: headers, type: "application/json", json.bytes)
    }

    package var response: Response { Response(status: status, headers: headers, body: ResponseBody(byteBuffer: ByteBuffer(bytes: body))) }

    /// The whole answer as HTTP/1.1 writes it (RFC 9112 §4). What a field may hold was checked when it was made: no value has a line end.
    /// - Parameter common: fields that every answer has, with their line ends (``CommonFields``).
    func encoded(common: [UInt8]) -> ByteBuffer {
        var bytes = [UInt8]()
        bytes.reserveCapacity(256 + common.count + body.count)
        func write(_ text: String) { bytes.append(contentsOf: text.utf8) }
        // Written out for what nearly all are: the phrase is looked up and put together otherwise.
        write(status.code == 201 ? "HTTP/1.1 201 Created\r\n" : "HTTP/1.1 \(status.code) \(status.reasonPhrase)\r\n")
        for field in headers {
            write(field.name.rawName)
            write(": ")
            write(field.value)
            write("\r\n")
        }
        bytes.append(contentsOf: common)
        write("Content-Length: ")
        write(String(body.count))
        write("\r\n\r\n")
        bytes.append(contentsOf: body)
        return ByteBuffer(bytes: bytes)
    }
}
