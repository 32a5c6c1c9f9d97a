public struct BPFProgram { func run(_ b: UnsafeRawPointer, captured: Int, original: Int) -> UInt32 { 0 } }
