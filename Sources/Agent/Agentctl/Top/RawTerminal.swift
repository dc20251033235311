import Glibc
import Synchronization

/// The terminal while `top` has it: another screen, no echo, keys at once. It is given back as it was, also after Ctrl-C or a signal.
final class RawTerminal {
    enum Key { case quit, redraw, none }

    private var before = termios()
    private static let isEnding = Atomic(false)

    /// Nil: standard input and output are no terminal.
    init?() {
        guard isatty(STDIN_FILENO) == 1, isatty(STDOUT_FILENO) == 1, unsafe tcgetattr(STDIN_FILENO, &before) == 0 else { return nil }
        var raw = before
        raw.c_lflag &= ~tcflag_t(ICANON | ECHO | ISIG)
        unsafe tcsetattr(STDIN_FILENO, TCSAFLUSH, &raw)
        for number in [SIGTERM, SIGHUP] { signal(number) { _ in RawTerminal.isEnding.store(true, ordering: .releasing) } }
        // Its arrival ends poll(2): the size is asked for at each drawing.
        signal(SIGWINCH) { _ in }
        put("\u{1B}[?1049h\u{1B}[?25l")
    }

    deinit {
        put("\u{1B}[?25h\u{1B}[?1049l")
        unsafe tcsetattr(STDIN_FILENO, TCSAFLUSH, &before)
    }

    /// Columns and rows; 80 × 24 where the terminal does not say.
    static var size: (width: Int, height: Int) {
        var size = winsize()
        guard unsafe ioctl(STDOUT_FILENO, UInt(TIOCGWINSZ), &size) == 0, size.ws_col > 0, size.ws_row > 0 else { return (80, 24) }
        return (Int(size.ws_col), Int(size.ws_row))
    }

    /// Draws over what is there, line by line, so that nothing flickers.
    func draw(_ lines: [String]) {
        put("\u{1B}[H" + lines.map { $0 + "\u{1B}[K" }.joined(separator: "\r\n") + "\u{1B}[J")
    }

    /// Waits for a key, a new size, or the time to draw again.
    func wait(milliseconds: Int32) -> Key {
        if Self.isEnding.load(ordering: .acquiring) { return .quit }
        var entry = pollfd(fd: STDIN_FILENO, events: Int16(POLLIN), revents: 0)
        let count = unsafe poll(&entry, 1, milliseconds)
        if Self.isEnding.load(ordering: .acquiring) { return .quit }
        if count < 0 { return .redraw }
        guard count > 0 else { return .none }
        var bytes = [UInt8](repeating: 0, count: 64)
        let read = unsafe Glibc.read(STDIN_FILENO, &bytes, bytes.count)
        // Ctrl-C, Ctrl-D, q; the end of the terminal.
        return read <= 0 || bytes[..<read].contains(where: { [3, 4, UInt8(ascii: "q"), UInt8(ascii: "Q")].contains($0) }) ? .quit : .redraw
    }

    private func put(_ text: String) {
        let bytes = Array(text.utf8)
        var offset = 0
        while offset < bytes.count {
            let written = unsafe bytes.withUnsafeBytes { unsafe write(STDOUT_FILENO, $0.baseAddress! + offset, bytes.count - offset) }
            if written <= 0 { return }
            offset += written
        }
    }
}
