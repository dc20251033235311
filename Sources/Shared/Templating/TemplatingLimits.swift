/// The limits of templates. Go's own have nearly none: there a template may loop for ever or fill the memory.
package enum TemplatingLimits {
    /// Blocks (`if`, `range`, …) in each other, and parentheses in each other, of one text.
    static let nestingMax = 50
    /// The same while a template runs, with templates that call each other or themselves; each is a few kilobytes of the thread's stack.
    static let depthMax = 200
    /// Actions, calls and turns of loops of one run; work on long texts counts by its length. A second at the most.
    static let stepsMax = 1_000_000
    /// Bytes of one step: a text that a function makes costs a step for each so many.
    static let bytesPerStep = 256
    /// Bytes of one text that a function makes.
    static let textBytesMax = 4 * 1024 * 1024
    /// Width and precision of a directive of `printf`; Go's is a million.
    static let widthMax = 1_000
}
