/// A part of a block that is packed already: to pack it costs more than all that changes in it.
package struct PackedPart: Sendable {
    /// In the block's bytes.
    package let range: Range<Int>
    /// A frame of zstd that holds just these bytes.
    package let frame: [UInt8]

    package init(range: Range<Int>, frame: [UInt8]) { (self.range, self.frame) = (range, frame) }
}
