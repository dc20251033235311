import CCurl
import Synchronization

/// One libcurl easy handle in a multi handle of its own. The multi handle keeps connections alive from one transfer to the next and, unlike
/// `curl_easy_perform`, can be woken from another thread, so that a cancelled transfer ends at once. Used by one thread at a time: whoever
/// takes it out of ``CurlHandles`` owns it until it is put back.
@safe
final class CurlHandle: @unchecked Sendable {
    /// How the transfer ended: libcurl's result, its words for it, and the last status (HTTP or SMTP), 0 when there was none.
    struct Outcome {
        var code: CURLcode
        var detail: String
        var status: Int
        /// Connections that this transfer opened; 0 means that one was reused.
        var newConnections: Int
    }

    private let easy: UnsafeMutableRawPointer
    private let multi: UnsafeMutableRawPointer
    private let errorText: UnsafeMutablePointer<CChar>
    private var lists: [UnsafeMutablePointer<curl_slist>] = unsafe []
    /// The scheme, host and port that this handle spoke to last.
    private(set) var origin = ""

    /// Nil when libcurl has no memory.
    init?() {
        guard CurlHandle.isInitialised, let easy = unsafe curl_easy_init() else { return nil }
        guard let multi = unsafe curl_multi_init() else {
            unsafe curl_easy_cleanup(easy)
            return nil
        }
        unsafe (self.easy, self.multi) = (easy, multi)
        unsafe errorText = .allocate(capacity: Int(CURL_ERROR_SIZE))
    }

    deinit {
        unsafe curl_easy_cleanup(easy)
        unsafe curl_multi_cleanup(multi)
        unsafe errorText.deallocate()
    }

    private static let isInitialised = ccurl_global_init() == CURLE_OK

    // MARK: Options

    /// Forgets the options of the transfer before, keeps the connections, and sets what is the same for every transfer.
    func prepare(url: String, protocols: String, timeout: Duration, connectTimeout: Duration, tls: TLSOptions) {
        unsafe curl_easy_reset(easy)
        origin = URLText.origin(of: url)
        var url = url
        set(tls, for: &url)
        set(CURLOPT_URL, url)
        set(CURLOPT_PROTOCOLS_STR, protocols)
        set(CURLOPT_FOLLOWLOCATION, 0)
        set(CURLOPT_NOSIGNAL, 1)
        set(CURLOPT_TCP_KEEPALIVE, 1)
        set(CURLOPT_TIMEOUT_MS, CurlHandle.milliseconds(timeout))
        set(CURLOPT_CONNECTTIMEOUT_MS, CurlHandle.milliseconds(connectTimeout))
        unsafe errorText.pointee = 0
        unsafe _ = ccurl_set_pointer(easy, CURLOPT_ERRORBUFFER, errorText)
    }

    func set(_ option: CURLoption, _ value: Int) { unsafe _ = ccurl_set_long(easy, option, value) }

    func set(_ option: CURLoption, _ value: String) { unsafe _ = ccurl_set_string(easy, option, value) }

    /// A list of header lines or recipients; freed after the transfer.
    func set(_ option: CURLoption, _ lines: [String]) {
        var list: UnsafeMutablePointer<curl_slist>?
        for line in lines {
            guard let longer = unsafe curl_slist_append(list, line) else { break }
            unsafe list = longer
        }
        unsafe _ = ccurl_set_list(easy, option, list)
        if let list = unsafe list { unsafe lists.append(list) }
    }

    // MARK: Transfer

    /// Runs one transfer and blocks until it has ended.
    /// - Parameters:
    ///   - body: sent as the content of a POST or whatever method is set; nil: no body.
    ///   - exchange: receives what comes and gives what an upload reads.
    func perform(body: [UInt8]?, exchange: Exchange) -> Outcome {
        defer { release() }
        let context = unsafe Unmanaged.passUnretained(exchange).toOpaque()
        unsafe _ = ccurl_set_data_callback(easy, CURLOPT_WRITEFUNCTION, receiveBody)
        unsafe _ = ccurl_set_pointer(easy, CURLOPT_WRITEDATA, context)
        unsafe _ = ccurl_set_data_callback(easy, CURLOPT_HEADERFUNCTION, receiveHeader)
        unsafe _ = ccurl_set_pointer(easy, CURLOPT_HEADERDATA, context)
        unsafe _ = ccurl_set_data_callback(easy, CURLOPT_READFUNCTION, giveUpload)
        unsafe _ = ccurl_set_pointer(easy, CURLOPT_READDATA, context)
        unsafe _ = ccurl_set_seek_callback(easy, rewindUpload)
        unsafe _ = ccurl_set_pointer(easy, CURLOPT_SEEKDATA, context)
        unsafe _ = ccurl_set_progress_callback(easy, reportProgress)
        unsafe _ = ccurl_set_pointer(easy, CURLOPT_XFERINFODATA, context)
        set(CURLOPT_NOPROGRESS, 0)
        guard let body else { return run(exchange) }
        unsafe _ = ccurl_set_offset(easy, CURLOPT_POSTFIELDSIZE_LARGE, Int64(body.count))
        // An empty array may have no address, and a null pointer would mean "read the body from the callback".
        let stored = body.isEmpty ? [0] : body
        return unsafe stored.withUnsafeBytes { bytes in
            unsafe _ = ccurl_set_pointer(easy, CURLOPT_POSTFIELDS, bytes.baseAddress)
            return run(exchange)
        }
    }

    private func run(_ exchange: Exchange) -> Outcome {
        unsafe curl_multi_add_handle(multi, easy)
        defer { unsafe _ = curl_multi_remove_handle(multi, easy) }
        guard exchange.begin(waking: self) else { return outcome(CURLE_ABORTED_BY_CALLBACK) }
        defer { exchange.end() }
        var running: Int32 = 1
        while running > 0 {
            guard unsafe curl_multi_perform(multi, &running) == CURLM_OK else { return outcome(CURLE_OUT_OF_MEMORY) }
            // A cancellation that comes before this wait has already written its wake-up; the second is only for libcurl's own timers.
            if running > 0, unsafe curl_multi_poll(multi, nil, 0, 1000, nil) != CURLM_OK { return outcome(CURLE_OUT_OF_MEMORY) }
        }
        let result = unsafe ccurl_result(multi)
        return outcome(result < 0 ? CURLE_RECV_ERROR : CURLcode(rawValue: UInt32(result)))
    }

    private func outcome(_ code: CURLcode) -> Outcome {
        let words = unsafe String(cString: errorText)
        let detail = unsafe words.isEmpty ? String(cString: curl_easy_strerror(code)) : words
        let status = unsafe ccurl_get_long(easy, CURLINFO_RESPONSE_CODE)
        return Outcome(code: code, detail: detail, status: status, newConnections: unsafe ccurl_get_long(easy, CURLINFO_NUM_CONNECTS))
    }

    /// Called from any thread while a transfer runs.
    func wake() { unsafe _ = curl_multi_wakeup(multi) }

    private func release() {
        unsafe curl_easy_reset(easy)
        while let list = unsafe lists.popLast() { unsafe curl_slist_free_all(list) }
    }

    /// At least 1: 0 would mean "no limit" to libcurl.
    private static func milliseconds(_ duration: Duration) -> Int {
        max(1, Int(duration.components.seconds) * 1000 + Int(duration.components.attoseconds / 1_000_000_000_000_000))
    }
}

// MARK: Callbacks

private func exchange(_ context: UnsafeMutableRawPointer?) -> Exchange? {
    guard let context = unsafe context else { return nil }
    return unsafe Unmanaged<Exchange>.fromOpaque(context).takeUnretainedValue()
}

private let receiveBody: @convention(c) (UnsafeMutablePointer<CChar>?, Int, Int, UnsafeMutableRawPointer?) -> Int = { data, size, count, context in
    guard let exchange = unsafe exchange(context), let data = unsafe data else { return 0 }
    let bytes = unsafe UnsafeRawBufferPointer(start: data, count: size * count)
    return unsafe exchange.receive(body: bytes) ? size * count : 0
}

private let receiveHeader: @convention(c) (UnsafeMutablePointer<CChar>?, Int, Int, UnsafeMutableRawPointer?) -> Int = { data, size, count, context in
    guard let exchange = unsafe exchange(context), let data = unsafe data else { return 0 }
    let bytes = unsafe UnsafeRawBufferPointer(start: data, count: size * count)
    return unsafe exchange.receive(header: String(decoding: bytes, as: UTF8.self)) ? size * count : 0
}

private let giveUpload: @convention(c) (UnsafeMutablePointer<CChar>?, Int, Int, UnsafeMutableRawPointer?) -> Int = { data, size, count, context in
    guard let exchange = unsafe exchange(context), let data = unsafe data else { return 0 }
    return unsafe exchange.give(into: UnsafeMutableRawBufferPointer(start: data, count: size * count))
}

private let rewindUpload: @convention(c) (UnsafeMutableRawPointer?, curl_off_t, Int32) -> Int32 = { context, offset, origin in
    guard let exchange = unsafe exchange(context), origin == 0 else { return CURL_SEEKFUNC_CANTSEEK }
    return exchange.rewind(to: Int(offset)) ? CURL_SEEKFUNC_OK : CURL_SEEKFUNC_FAIL
}

private let reportProgress: @convention(c) (UnsafeMutableRawPointer?, curl_off_t, curl_off_t, curl_off_t, curl_off_t) -> Int32 = {
    context,
    _,
    _,
    _,
    _ in
    unsafe exchange(context)?.isCancelled == true ? 1 : 0
}
