extension Alert {
    /// The annotation of an alert that the host told its own receivers of, because the aggregator took nothing: when that was, RFC 3339. The
    /// aggregator shows such an alert, and pages nobody again.
    package static let toldLocallyAnnotation = "tocsin_told_locally"

    package func toldLocally(at time: Timestamp) -> Alert {
        var alert = self
        alert.annotations = annotations.setting(Self.toldLocallyAnnotation, to: time.rfc3339)
        return alert
    }

    package var isToldLocally: Bool { annotations[Self.toldLocallyAnnotation] != nil }

    /// The annotation of a HostDown that stands behind another alert (SiteUnreachable): the site's tag. It is shown, and nobody is paged for it.
    package static let foldedIntoAnnotation = "tocsin_folded_into"

    /// The annotation under which `POST /api/v2/alerts` says who sent an alert: the name of the token, on the way to Correlating only. Nobody is shown it.
    package static let senderAnnotation = "tocsin_sender"

    /// - Parameter name: nil: nobody who has a name of his own.
    package func sent(by name: String?) -> Alert {
        var alert = self
        // What a sender says of that himself does not count.
        alert.annotations = annotations.removing([Self.senderAnnotation])
        if let name { alert.annotations = alert.annotations.setting(Self.senderAnnotation, to: name) }
        return alert
    }

    package var foldedInto: String? { annotations[Self.foldedIntoAnnotation] }
}
