// A sealed block of events, versions 1 and 2. Numbers are little-endian; `varint`, `zigzag` and `text` as in the wire block (Blocks/BlockFormat.swift). They never change:
// another layout is another version. Version 2 is written; in version 1 columns 1 to 6, 9 and 10 have one page each, and the directory has no pages.
//
//   offset  bytes  field
//        0      4  magic "TcSe"
//        4      1  version
//        5      3  zero
//        8      8  checksum: XXH64 of bytes 16 ..< 96 + length of the directory
//       16      8  length of the whole block
//       24      4  length of the directory as it lies there (zstd)
//       28      4  its length inflated
//       32      4  rows
//       36      4  zero
//       40      8  the earliest timestamp, nanoseconds
//       48      8  the latest
//       56      8  position of the first arrival whose rows are in it
//       64      8  position of the last
//       72     24  zero
//       96         directory, then the frames one after the other
//
// Directory:
//   5 × varint             rows of each severity
//   3 × dictionary         sources, types, hosts: varint n, n × (varint rows, text)
//   tags                   varint n, n × text; varint lists, lists × (varint rows, varint n, n × varint number of a tag); no lists: no row has tags
//   contexts               varint n, n × (16 bytes agent, text host, varint n, n × text tags): who sent
//   runs                   varint n, n × (varint position less the one before, varint context, varint lane, zigzag sequence less the one before, varint block,
//                          zigzag receivedAt less the one before, varint rows): which arrival the next rows came in. Times and sequences begin at 0
//   pages                  from version 2: for each 8192 rows (varint earliest timestamp less the block's, varint latest less the earliest, varint correlation ids that stand
//                          there first)
//   frames                 varint n, n × (1 byte column, varint page, varint length of the zstd part, varint its length inflated or 0 when it is as it is, varint length of the
//                          packed part, 8 bytes XXH64 of both)
//
// A frame is a part that zstd compressed and a part of packed bits (see TextPage and NumberColumn). Columns, those with * in pages of 8192 rows:
//   1 timestamps*   varint unit in nanoseconds, one byte width, then zigzag of the first less the earliest of the page and of each less the one before, in units: all lowest
//                   bytes, then all second ones …
//   2 sources*  3 types*  4 hosts*  5 tag lists*    codes: one byte a row, or two (all low bytes, then all high ones) when there are more than 256; left out when there is
//                   one value
//   6 severities*   one byte a row
//   7 rows          one byte a row: how many rows of its arrival lie between it and the row before it (at a run's begin: before it); 255: the number follows as a varint
//                   behind all bytes. Left out when all are 0
//   8 ids           one bit a row, then 16 bytes for each that has one
//   9 correlations* those that stand in a row of the page first: varint n, then n texts (1: all are hexadecimal, 2 digits a byte: varint bytes of each, bytes; 0: text
//                   each). Left out when there are none
//  10 correlation codes*  varint a row: 0 none, 1 the next entry of the dictionary, else 2 + how far its entry is behind the newest one so far. Left out when no row of the
//                   block has one
//  11 messages  12 data   pages of 4096 rows (TextPage); a page without texts is left out

/// Numbers of the format.
enum SealedEventFormat {
    static let magic: [UInt8] = Array("TcSe".utf8)
    /// What is written.
    static let version: UInt8 = 2
    static let versions: ClosedRange<UInt8> = 1...2
    static let headerBytes = 96
    /// Rows of a page of columns: one row by its id reads an eighth of a block's columns, and a page is still long enough for zstd.
    static let rowsPerPage = 8192

    enum Column: UInt8 { case timestamps = 1, sources, types, hosts, tags, severities, rows, ids, correlations, correlationCodes, messages, data }
}
