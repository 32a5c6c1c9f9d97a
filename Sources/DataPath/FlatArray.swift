/// A growable array of plain values for the packet loop: no reference counting, no copy on write, one bounds check.
///
/// Safe because: `base` is owned memory for `capacity` elements, `count <= capacity`, every access is checked.
@safe struct FlatArray<Element: BitwiseCopyable>: ~Copyable {
  private(set) var base: UnsafeMutablePointer<Element>
  private(set) var count = 0
  private var capacity: Int

  init(capacity: Int = 16) {
    self.capacity = max(1, capacity)
    unsafe base = .allocate(capacity: self.capacity)
  }

  deinit {
    unsafe base.deallocate()
  }

  subscript(index: Int) -> Element {
    @inline(__always) get {
      precondition(UInt(bitPattern: index) < UInt(bitPattern: count))
      return unsafe base[index]
    }
    @inline(__always) set {
      precondition(UInt(bitPattern: index) < UInt(bitPattern: count))
      unsafe base[index] = newValue
    }
  }

  @inline(__always)
  mutating func append(_ element: Element) {
    if count == capacity { grow(to: capacity * 2) }
    unsafe (base + count).initialize(to: element)
    count &+= 1
  }

  mutating func removeAll() { count = 0 }

  /// Room behind the last element, for at least `more`: written through `end`, taken by `setEnd`.
  @inline(__always)
  mutating func reserve(_ more: Int) {
    while capacity - count < more { grow(to: capacity * 2) }
  }

  var end: UnsafeMutablePointer<Element> { unsafe base + count }

  @inline(__always)
  mutating func setEnd(_ end: UnsafeMutablePointer<Element>) {
    let newCount = unsafe end - base
    precondition(newCount >= 0 && newCount <= capacity)
    count = newCount
  }

  @inline(never)
  private mutating func grow(to newCapacity: Int) {
    let wider = UnsafeMutablePointer<Element>.allocate(capacity: newCapacity)
    unsafe wider.update(from: base, count: count)
    unsafe base.deallocate()
    unsafe base = wider
    capacity = newCapacity
  }
}
