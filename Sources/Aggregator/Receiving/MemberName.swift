/// A member's name read as words: which field it is, and where its value begins. Only the spelling without escapes and with the colon right
/// behind the quote is known here.
struct MemberName {
    let field: EventField
    /// Behind the colon.
    let end: Int

    /// - Parameter start: behind the opening quote.
    @inline(__always)
    init?(_ at: ScanCursor, _ start: Int) {
        let word = at.word64(start)
        switch word & 0x0000_FFFF_FFFF_FFFF {
        case Word.type: (field, end) = (.type, start + 6)
        case Word.host: (field, end) = (.host, start + 6)
        case Word.tags: (field, end) = (.tags, start + 6)
        case Word.data: (field, end) = (.data, start + 6)
        default:
            switch word {
            case Word.source: (field, end) = (.source, start + 8)
            case Word.timestamp:
                guard at.word32(start + 8) & 0xFF_FFFF == 0x3A_2270 else { return nil }
                (field, end) = (.timestamp, start + 11)
            case Word.severity:
                guard at.word32(start + 8) & 0xFFFF == 0x3A22 else { return nil }
                (field, end) = (.severity, start + 10)
            case Word.message:
                guard at[start + 8] == UInt8(ascii: ":") else { return nil }
                (field, end) = (.message, start + 9)
            case Word.correlation:
                guard at.word64(start + 8) == Word.correlationID else { return nil }
                (field, end) = (.correlationID, start + 16)
            case Word.eventID:
                guard at.word32(start + 8) & 0xFFFF == 0x3A22 else { return nil }
                (field, end) = (.eventID, start + 10)
            case Word.eventType:
                guard at.word32(start + 8) == 0x3A22_6570 else { return nil }
                (field, end) = (.type, start + 12)
            case Word.sourceSystem:
                guard at.word64(start + 8) & 0x00FF_FFFF_FFFF_FFFF == Word.system else { return nil }
                (field, end) = (.source, start + 15)
            default: return nil
            }
        }
    }

    /// First eight bytes of names, the first byte lowest; of four-letter names six, with quote and colon.
    private enum Word {
        static let type: UInt64 = 0x0000_3A22_6570_7974
        static let host: UInt64 = 0x0000_3A22_7473_6F68
        static let tags: UInt64 = 0x0000_3A22_7367_6174
        static let data: UInt64 = 0x0000_3A22_6174_6164
        /// `source":`
        static let source: UInt64 = 0x3A22_6563_7275_6F73
        /// `timestam`, then `p":`
        static let timestamp: UInt64 = 0x6D61_7473_656D_6974
        static let severity: UInt64 = 0x7974_6972_6576_6573
        /// `message"`
        static let message: UInt64 = 0x2265_6761_7373_656D
        /// `correlat`, then `ion_id":`
        static let correlation: UInt64 = 0x7461_6C65_7272_6F63
        static let correlationID: UInt64 = 0x3A22_6469_5F6E_6F69
        static let eventID: UInt64 = 0x6469_5F74_6E65_7665
        /// `event_ty`, then `pe":`
        static let eventType: UInt64 = 0x7974_5F74_6E65_7665
        /// `source_s`, then `ystem":`
        static let sourceSystem: UInt64 = 0x735F_6563_7275_6F73
        static let system: UInt64 = 0x003A_226D_6574_7379
    }
}
