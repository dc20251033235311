/// Texts of a whole sealed block, numbered in the order in which they came, and how many rows have each.
struct CountedTexts {
    private var codes: [String: Int] = [:]
    private(set) var texts: [String] = []
    private(set) var counts: [Int] = []

    mutating func code(of text: String) -> Int {
        if let known = codes[text], texts[known].utf8.elementsEqual(text.utf8) { return known }
        codes[text] = texts.count
        texts.append(text)
        counts.append(0)
        return texts.count - 1
    }

    mutating func count(_ code: Int, _ rows: Int) { counts[code] += rows }
}
