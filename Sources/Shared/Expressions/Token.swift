/// A word of an expression.
struct Token: Equatable {
    enum Kind: Equatable {
        /// A name, a keyword or a function; keywords are told apart by where they stand.
        case identifier(String)
        case number(Double)
        /// `5m`.
        case duration(Duration)
        case string(String)
        /// `+ - * / % ^ == != < <= > >= = =~ !~ ( ) { } [ ] , : @`
        case symbol(String)
        case end
    }

    let kind: Kind
    /// Bytes of the text.
    let range: Range<Int>

    func isSymbol(_ text: String) -> Bool { kind == .symbol(text) }

    /// The keyword that it would be, in lower case; nil when it is no identifier.
    var word: String? { if case .identifier(let name) = kind { name.lowercased() } else { nil } }
}
