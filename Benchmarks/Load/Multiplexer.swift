import Glibc

/// Keep-alive connections that one thread serves, each with one request under way, as wrk does it: a thread a connection costs the
/// generator a fifth more, for waking threads.
struct Multiplexer {
    private let connections: [Connection]

    init(_ count: Int, port: UInt16) { connections = (0..<count).map { _ in Connection(port: port) } }

    /// Sends all, the next one over whichever connection was answered; any answer but `status` ends the run. A 503 is sent again a tenth of a second
    /// later, during which nothing else is sent.
    func send(_ requests: [[UInt8]], expecting status: Int) {
        let used = min(connections.count, requests.count)
        // Which request a connection carries; nil: there was none left for it.
        var underWay = [Int?](repeating: nil, count: used)
        for index in 0..<used {
            connections[index].begin(requests[index])
            underWay[index] = index
        }
        var (next, waiting) = (used, used)
        var watched = connections[..<used].map { pollfd(fd: $0.descriptor, events: Int16(POLLIN), revents: 0) }
        while waiting > 0 {
            guard unsafe poll(&watched, nfds_t(used), 30_000) > 0 else { fail("no answer for 30 s") }
            for index in 0..<used where watched[index].revents != 0 {
                guard let request = underWay[index], let answer = connections[index].progress() else { continue }
                if answer.status == 503 {
                    usleep(100_000)
                    connections[index].begin(requests[request])
                    continue
                }
                guard answer.status == status else { fail("answer \(answer.status): \(String(decoding: answer.body.prefix(300), as: UTF8.self))") }
                if next < requests.count {
                    connections[index].begin(requests[next])
                    (underWay[index], next) = (next, next + 1)
                } else {
                    (underWay[index], waiting) = (nil, waiting - 1)
                    watched[index].fd = -1
                }
            }
        }
    }
}
