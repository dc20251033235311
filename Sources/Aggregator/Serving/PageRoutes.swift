import Answering
import HTTPTypes
import Hummingbird

/// The first page: hosts, what fires, events as they come, the latest with a search. It holds no data itself (its script asks the REST interface, with a
/// token where one is needed), so it is open to everybody; nothing comes from another server.
enum PageRoutes {
    static var routes: [Route] {
        [
            Route(.get, "/", .open) { _, _ in .text(type: "text/html; charset=utf-8", headers: headers, Page.html) },
            Route(.get, "/assets/tocsin.css", .open) { _, _ in .text(type: "text/css; charset=utf-8", headers: headers, PageStyle.css) },
            Route(.get, "/assets/tocsin.js", .open) { _, _ in .text(type: "text/javascript; charset=utf-8", headers: headers, PageScript.javascript)
            },
            Route(.get, "/assets/live.js", .open) { _, _ in .text(type: "text/javascript; charset=utf-8", headers: headers, PageLive.javascript) },
        ]
    }

    private static var headers: HTTPFields {
        var headers: HTTPFields = [
            .contentSecurityPolicy: "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; img-src 'self' data:; "
                + "form-action 'none'; frame-ancestors 'none'; base-uri 'none'",
            .cacheControl: "no-cache",
        ]
        if let name = HTTPField.Name("Referrer-Policy") { headers[name] = "no-referrer" }
        return headers
    }
}
