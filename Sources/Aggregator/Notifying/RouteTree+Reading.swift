import Configuring

extension RouteTree.Node {
    init(reading reader: ConfigReader, receivers: [String], intervals: Set<String>, depth: Int, count: inout Int) {
        self.init()
        count += 1
        receiver = depth == 0 && reader.node != nil ? reader.requiredString("receiver") : reader.string("receiver")
        if let receiver, !receiver.isEmpty, !receivers.contains(receiver) {
            let known = receivers.filter { !$0.isEmpty }.joined(separator: ", ")
            reader.report("receiver", "there is no receiver \"\(receiver)\"", known.isEmpty ? "define it under receivers" : "write one of \(known)")
        }
        // An empty list says nothing, as in Alertmanager: the parent's holds.
        if let names = reader.strings("group_by", orOne: true), !names.isEmpty {
            if names.contains("...") {
                if names.count > 1 { reader.report("group_by", "'...' stands beside label names", "write ['...'] alone, or label names") }
                groupBy = .all
            } else {
                if Set(names).count < names.count { reader.report("group_by", "a label stands here twice", "name each once") }
                groupBy = .labels(names)
            }
        }
        groupWait = reader.optionalDuration("group_wait", in: .zero ... .seconds(86_400))
        groupInterval = reader.optionalDuration("group_interval", in: .milliseconds(100) ... .seconds(7 * 86_400))
        repeatInterval = reader.optionalDuration("repeat_interval", in: .seconds(1) ... .seconds(366 * 86_400))
        rateLimit = reader.parsed("rate_limit", expecting: "a count and a time such as 20/1h, or off") { RouteTree.RateLimit($0) }
        mutedDuring = intervalsOf(reader, "mute_time_intervals", known: intervals, depth: depth)
        activeDuring = intervalsOf(reader, "active_time_intervals", known: intervals, depth: depth)
        matchers = matchersOf(reader, "matchers", equal: "match", pattern: "match_re")
        escalation = EscalationStep.readAll(reader, receivers: receivers)
        continues = reader.bool("continue", default: false)
        if depth == 0, !matchers.isEmpty || continues {
            let key = ["matchers", "match", "match_re", "continue"].first { reader.has($0) } ?? "matchers"
            reader.report(key, "the top route takes every alert", "move it to a route under routes")
        }
        let children = reader.sections("routes")
        guard children.isEmpty || depth < NotifyingLimits.routeDepthMax else {
            reader.report("routes", "routes are nested deeper than \(NotifyingLimits.routeDepthMax)", "use fewer levels")
            return
        }
        for child in children {
            guard count < NotifyingLimits.routesMax else {
                reader.report("routes", "there are more than \(NotifyingLimits.routesMax) routes", "join some with patterns")
                break
            }
            routes.append(RouteTree.Node(reading: child, receivers: receivers, intervals: intervals, depth: depth + 1, count: &count))
        }
        reader.finish()
    }
}

/// Names of `time_intervals`, which must be there; not at the top, which must take every alert at any time.
private func intervalsOf(_ reader: ConfigReader, _ key: String, known: Set<String>, depth: Int) -> [String] {
    guard let names = reader.located(key) else { return [] }
    if depth == 0, !names.isEmpty { reader.report(key, "the top route tells at any time", "move it to a route under routes") }
    for (name, line) in names where !known.contains(name) {
        let place = YAMLNode(.scalar(name, isPlain: false), line: line, column: 1)
        let remedy = known.isEmpty ? "define it under time_intervals" : "write one of \(known.sorted().joined(separator: ", "))"
        reader.report(at: place, key, "there is no time interval \"\(name)\"", remedy)
    }
    return names.map(\.text)
}

extension RouteTree.RateLimit {
    /// `20/1h`, or `off`.
    init?(_ text: String) {
        if text == "off" {
            self = .none
            return
        }
        let parts = text.split(separator: "/", omittingEmptySubsequences: false)
        guard parts.count == 2, let count = Int(parts[0]), count >= 1, count <= 1_000_000, let window = Quantity.duration(String(parts[1])),
            window >= .seconds(1), window <= .seconds(30 * 86_400)
        else { return nil }
        self = .of(count: count, window: window)
    }
}

extension InhibitRule {
    init(reading reader: ConfigReader) {
        let source = matchersOf(reader, "source_matchers", equal: "source_match", pattern: "source_match_re")
        let target = matchersOf(reader, "target_matchers", equal: "target_match", pattern: "target_match_re")
        for (key, matchers) in [("source_matchers", source), ("target_matchers", target)] where matchers.isEmpty && !reader.has(key) {
            reader.report(key, "missing", "write \(key): ['alertname=\"…\"']")
        }
        self.init(source: source, target: target, equal: reader.strings("equal", orOne: true) ?? [])
        reader.finish()
    }
}

/// Matchers of all three notations: a list (or one text) in Alertmanager's notation, and the two old mappings.
private func matchersOf(_ reader: ConfigReader, _ key: String, equal: String, pattern: String) -> [AlertMatcher] {
    var matchers: [AlertMatcher] = []
    func add(at node: YAMLNode, _ key: String, _ make: () throws(AlertMatcher.Malformed) -> [AlertMatcher]) {
        do throws(AlertMatcher.Malformed) { matchers += try make() } catch {
            reader.report(at: node, key, error.description, "")
        }
    }
    if let value = reader.value(key) {
        for (index, item) in (value.sequence ?? [value]).enumerated() {
            let place = value.sequence == nil ? key : "\(key)[\(index)]"
            guard let text = item.scalar else {
                reader.report(at: item, place, "\(item.summary) stands where a matcher belongs", "write 'name=\"value\"' in quotes")
                continue
            }
            add(at: item, place) { () throws(AlertMatcher.Malformed) in try AlertMatcher.parse(text) }
        }
    }
    for (key, sign) in [(equal, "="), (pattern, "=~")] {
        for (name, value, line) in reader.map(key) ?? [] {
            let place = YAMLNode(.scalar(value, isPlain: false), line: line, column: 1)
            add(at: place, "\(key).\(name)") { () throws(AlertMatcher.Malformed) in [try AlertMatcher.make(name, sign, value)] }
        }
    }
    return matchers
}
