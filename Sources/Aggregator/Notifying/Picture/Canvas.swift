/// The palette of a picture.
enum Colour: UInt8, CaseIterable {
    case paper, grid, ink, red, orange, blue, green, violet, brown

    /// Of curves, the first ones first.
    static let series: [Colour] = [.blue, .green, .violet, .brown]

    var rgb: (UInt8, UInt8, UInt8) {
        switch self {
        case .paper: (255, 255, 255)
        case .grid: (226, 226, 230)
        case .ink: (90, 90, 100)
        case .red: (200, 30, 50)
        case .orange: (240, 150, 30)
        case .blue: (30, 100, 200)
        case .green: (30, 140, 80)
        case .violet: (130, 80, 180)
        case .brown: (140, 100, 60)
        }
    }
}

/// Pixels of a palette, and what can be drawn on them. What lies outside is not drawn.
struct Canvas {
    let width: Int
    let height: Int
    /// Row by row, an index into the palette each.
    private(set) var pixels: [UInt8]

    init(width: Int, height: Int) {
        (self.width, self.height) = (width, height)
        pixels = [UInt8](repeating: Colour.paper.rawValue, count: width * height)
    }

    private mutating func set(_ x: Int, _ y: Int, _ colour: Colour) {
        guard x >= 0, x < width, y >= 0, y < height else { return }
        pixels[y * width + x] = colour.rawValue
    }

    /// Bresenham's line.
    mutating func line(_ x0: Int, _ y0: Int, _ x1: Int, _ y1: Int, _ colour: Colour, isThick: Bool = false) {
        let (dx, dy) = (abs(x1 - x0), -abs(y1 - y0))
        let (stepX, stepY) = (x0 < x1 ? 1 : -1, y0 < y1 ? 1 : -1)
        var (x, y, error) = (x0, y0, dx + dy)
        while true {
            set(x, y, colour)
            if isThick { set(x, y + 1, colour) }
            if x == x1, y == y1 { return }
            let twice = 2 * error
            if twice >= dy { (error, x) = (error + dy, x + stepX) }
            if twice <= dx { (error, y) = (error + dx, y + stepY) }
        }
    }

    mutating func dashes(_ x0: Int, _ x1: Int, y: Int, _ colour: Colour) {
        for x in x0...max(x0, x1) where (x - x0) % 8 < 5 { set(x, y, colour) }
    }

    // MARK: Text

    /// A glyph is three pixels wide and five high, drawn at twice its size, with a blank behind it.
    private static let scale = 2

    static func width(of text: String) -> Int { text.unicodeScalars.count * 4 * scale }

    /// Text that ends at `right`; characters without a glyph are blank.
    mutating func text(_ text: String, right: Int, y: Int, _ colour: Colour) {
        var x = right - Canvas.width(of: text)
        for character in text {
            for (row, bits) in (Canvas.glyphs[character] ?? []).enumerated() {
                for column in 0..<3 where bits & (4 >> column) != 0 {
                    for dy in 0..<Canvas.scale {
                        for dx in 0..<Canvas.scale { set(x + column * Canvas.scale + dx, y + row * Canvas.scale + dy, colour) }
                    }
                }
            }
            x += 4 * Canvas.scale
        }
    }

    /// Five rows of three bits.
    private static let glyphs: [Character: [UInt8]] = [
        "0": [7, 5, 5, 5, 7], "1": [2, 6, 2, 2, 7], "2": [7, 1, 7, 4, 7], "3": [7, 1, 7, 1, 7], "4": [5, 5, 7, 1, 1], "5": [7, 4, 7, 1, 7],
        "6": [7, 4, 7, 5, 7], "7": [7, 1, 1, 1, 1], "8": [7, 5, 7, 5, 7], "9": [7, 5, 7, 1, 7], ".": [0, 0, 0, 0, 2], "-": [0, 0, 7, 0, 0],
        ":": [0, 2, 0, 2, 0], "e": [7, 5, 7, 4, 7], "k": [4, 5, 6, 6, 5], "M": [5, 7, 7, 5, 5], "G": [7, 4, 5, 5, 7], "T": [7, 2, 2, 2, 2],
    ]
}
