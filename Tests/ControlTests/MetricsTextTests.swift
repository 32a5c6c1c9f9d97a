import Control
import Testing

struct MetricsTextTests {
  @Test func writesOpenMetrics() {
    var text = MetricsText(.openMetrics)
    text.family("a_bytes", .counter, unit: "bytes", help: "Quote \" and\nline.")
    text.sample([("name", "x\"y\\z\n")], UInt64.max)
    text.family("b", .gauge, help: "A gauge.")
    text.sample([], -0.5)
    #expect(
      String(decoding: text.finished(), as: UTF8.self) == #"""
        # TYPE a_bytes counter
        # UNIT a_bytes bytes
        # HELP a_bytes Quote \" and\nline.
        a_bytes_total{name="x\"y\\z\n"} 18446744073709551615
        # TYPE b gauge
        # HELP b A gauge.
        b -0.5
        # EOF

        """#)
  }

  @Test func writesTheOlderFormatForWhoAsksForItOnly() {
    #expect(MetricsText.Format(accept: "text/plain") == .prometheus)
    #expect(MetricsText.Format(accept: "application/openmetrics-text;version=1.0.0,text/plain;q=0.5") == .openMetrics)
    #expect(MetricsText.Format(accept: "*/*") == .openMetrics)
    var text = MetricsText(.prometheus)
    text.family("a_bytes", .counter, unit: "bytes", help: "Bytes.")
    text.sample([], UInt64(1))
    #expect(
      String(decoding: text.finished(), as: UTF8.self)
        == "# TYPE a_bytes_total counter\n# HELP a_bytes_total Bytes.\na_bytes_total 1\n")
  }
}
