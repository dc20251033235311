package import HTTPTypes
package import Hummingbird
package import JSON

extension Response {
    /// An answer in JSON.
    package static func json(_ status: HTTPResponse.Status = .ok, headers: HTTPFields = [:], _ write: (inout JSONWriter) -> Void) -> Response {
        WholeAnswer.json(status, headers: headers, write).response
    }

    /// An answer in text of some kind.
    package static func text(_ status: HTTPResponse.Status = .ok, type: String, headers: HTTPFields = [:], _ text: String) -> Response {
        var headers = headers
        headers[.contentType] = type
        return Response(status: status, headers: headers, body: ResponseBody(byteBuffer: ByteBuffer(string: text)))
    }
}
