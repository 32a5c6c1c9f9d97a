/// Why bytes could not be had; the source adds file and place.
enum InputFailure: Error {
  /// errno of a system call.
  case system(Int32)
  /// What is wrong with a gzip stream.
  case stream(String)
}
