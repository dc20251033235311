/// Fields and methods of a value.
enum TemplateMember {
    static func value(_ name: String, of owner: TemplateValue, _ arguments: [TemplateValue]) throws(TemplateProblem) -> TemplateValue {
        switch owner {
        case .object(let object): if let value = try object.member(name, arguments) { return value }
        case .time(let time): if let value = try time.member(name, arguments) { return value }
        case .duration(let duration): if let value = try duration.member(name, arguments) { return value }
        case .nothing: throw TemplateProblem(.unfit, "there is nothing that could have .\(name)")
        default: break
        }
        var known = ""
        if case .object(let object) = owner { known = "; there are " + object.memberNames.map { ".\($0)" }.joined(separator: ", ") }
        throw TemplateProblem(.wrong, "there is no .\(name) in \(owner.typeName)\(known)")
    }

    static func count(_ wanted: Int, _ name: String, _ arguments: [TemplateValue]) throws(TemplateProblem) {
        guard arguments.count == wanted else {
            throw TemplateProblem(.wrong, ".\(name) is given \(arguments.count) values and takes \(wanted)")
        }
    }
}
