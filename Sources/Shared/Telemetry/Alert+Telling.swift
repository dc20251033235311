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

    package var foldedInto: String? { annotations[Self.foldedIntoAnnotation] }
}
