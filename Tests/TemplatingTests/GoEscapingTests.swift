import Testing

@testable import Templating

@Suite struct GoEscapingTests {
    /// As amtool 0.25 says.
    @Test(arguments: [
        ("a1b", "A1b"), ("x.3y", "X.3y"), ("3.x", "3.X"), ("a:b", "A:b"), ("foo.bar-1st", "Foo.bar-1St"), ("ab'cd'", "Ab'cd'"), ("_x", "_X"),
        ("a_1b", "A_1b"), ("10GB disk", "10Gb Disk"), ("1st.2nd", "1St.2nd"), ("é.à", "É.à"), ("", ""), (". a", ". A"),
    ])
    func `titles have large first letters`(text: String, title: String) {
        #expect(GoEscaping.title(text) == title)
    }
}
