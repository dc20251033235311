import Answering

extension FormParameters {
    /// One word of a few; nil when it is not given. Throws 400 that names them.
    func word<Word: RawRepresentable & CaseIterable>(_ name: String, _: Word.Type) throws(Problem) -> Word? where Word.RawValue == String {
        guard let text = try value(name) else { return nil }
        guard let word = Word(rawValue: text) else {
            let words = Word.allCases.map(\.rawValue).joined(separator: ", ")
            throw .malformed("\(name)=\(text): write one of \(words)", errors: [Problem.Item(pointer: "?\(name)", detail: "write one of \(words)")])
        }
        return word
    }
}
