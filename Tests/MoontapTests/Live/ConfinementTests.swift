import Foundation
import JSONText
import Testing

/// What a live run can no longer do once it captures: system calls are made inside the running process, by ptrace(2), as its
/// own code would make them; and what the kernel says of each of its threads.
@Suite(
  .serialized,
  .enabled(if: Laboratory.missing == nil, Comment(rawValue: "no laboratory here: \(Laboratory.missing ?? "")")))
struct ConfinementTests {
  /// Why nothing can be asked of the kernel here; nil: it can.
  static let missing: String? = {
    #if arch(x86_64)
      let probe = "import ctypes; print(ctypes.CDLL(None).syscall(444, 0, 0, 1))"
      let version = (try? Shell.run("/usr/bin/python3", ["-c", probe]))?.text ?? ""
      return version.hasPrefix("-") || version.isEmpty ? "the kernel has no Landlock" : nil
    #else
      return "the calls are made on x86-64 only"
    #endif
  }()

  private static let nobody = [
    "setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups", "--no-new-privs", "--inh-caps=-all,+net_raw",
    "--ambient-caps=-all,+net_raw", "--bounding-set=-all,+net_raw",
  ]

  /// A call, and what the kernel must answer; without confinement each would be answered otherwise, for root or for everybody.
  private func expected(_ folder: TemporaryFolder) -> [(call: String, answer: String)] {
    let policy = folder.path("policy.lua")
    return [
      // Files.
      ("openat -100 '/etc/shadow' 0", "EACCES"), ("openat -100 '/etc/passwd' 0", "EACCES"),
      ("openat -100 '/proc/self/mem' 2", "EACCES"), ("openat -100 '/tmp/moontap-escape' 0x41 384", "EACCES"),
      ("openat -100 '\(folder.path("new"))' 0x41 384", "EACCES"), ("openat -100 '\(policy)' 1", "EACCES"),
      ("unlink '\(policy)'", "EACCES"), ("rename '\(policy)' '\(policy).old'", "EPERM"),
      ("truncate '\(policy)' 0", "EPERM"),
      ("fchmod @2 0x1ff", "EPERM"), ("fchown @2 65534 65534", "EPERM"), ("fchmodat -100 '\(policy)' 0x1ff", "EPERM"),
      ("mkdir '\(folder.path("new"))' 0x1ff", "EPERM"),
      ("symlink '/etc' '\(folder.path("new"))'", "EPERM"), ("link '\(policy)' '\(policy).link'", "EPERM"),
      // Programs and other processes.
      ("execve '/bin/true' 0 0", "EPERM"), ("execveat -100 '/bin/true' 0 0 0", "EPERM"), ("clone 17 0", "EPERM"),
      ("clone 0x10000011 0", "EPERM"), ("clone3 0 0", "ENOSYS"), ("fork", "EPERM"), ("vfork", "EPERM"),
      ("ptrace 16 99999999", "EPERM"), ("process_vm_readv @0 0 0 0 0 0", "EPERM"), ("kill @0 0", "EPERM"),
      ("tgkill 1 1 0", "EPERM"),
      // Code, rights, namespaces, what is new in kernels.
      ("mmap 0 4096 5 0x22 -1 0", "EPERM"), ("mprotect @1 4096 5", "EPERM"), ("memfd_create 'x' 0", "EPERM"),
      ("unshare 0", "EPERM"), ("setns -1 0", "EPERM"), ("keyctl 0 -3 0", "EPERM"), ("bpf 0 0 0", "EPERM"),
      ("mount 'x' '/tmp' 'tmpfs' 0 0", "EPERM"), ("io_uring_setup 0 0", "EPERM"), ("personality 0xffffffff", "EPERM"),
      ("setuid 65534", "EPERM"), ("prctl 4 1", "EPERM"), ("seccomp 2 0 0", "EPERM"),
      ("prlimit64 0 7 '0123456789abcdef' 0", "EPERM"),
      // Sockets.
      ("socket 1 1 0", "EPERM"), ("socketpair 1 1 0 ''", "EPERM"), ("socket 38 5 0", "EPERM"),
      ("socket 40 1 0", "EPERM"),
      ("socket 16 3 15", "EPERM"), ("listen @4 1", "EPERM"),
      (#"setsockopt @3 263 1 '\x01\x00\x00\x00\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00' 16"#, "EPERM"),
      ("ioctl @3 0x8914 '0123456789012345678901234567890123456789'", "EPERM"), ("ioctl 1 0x5412 'x'", "EPERM"),
    ]
  }

  /// What it needs, it may still: first, since the others use what these give.
  private func allowed(_ folder: TemporaryFolder) -> [String] {
    [
      "getpid", "mmap 0 4096 3 0x22 -1 0", "openat -100 '\(folder.path("policy.lua"))' 0", "socket 17 3 0",
      "socket 2 1 0",
      "socket 16 3 0", "socket 10 3 47",
    ]
  }

  @Test(.enabled(if: missing == nil, Comment(rawValue: missing ?? "")), arguments: [false, true])
  func forbidsAllButItsWork(isNobody: Bool) throws {
    let laboratory = try Laboratory()
    let policy = try laboratory.policy(#"source.eni("eni-web1")"#)
    // What modes forbid nobody is no proof.
    try laboratory.shell("chmod -R a+rwX \(laboratory.folder.url.path)")
    let moontap = try laboratory.moontap(policy, as: isNobody ? Self.nobody : [])
    try laboratory.ping("-c 5 -i 0.005")
    let (allowed, expected) = (allowed(laboratory.folder), expected(laboratory.folder))
    let calls = (allowed + expected.map(\.call)).joined(separator: "\n") + "\n"
    let inject = Shell.root.appending(path: "Tests/Fixtures/live/inject.py").path
    let injected = try Shell.run(
      "/usr/bin/python3", [inject, String(moontap.process.processIdentifier)], input: Data(calls.utf8))
    let answers = injected.text.split(separator: "\n").map { String($0.split(separator: " ")[1]) }
    try #require(answers.count == allowed.count + expected.count, "\(injected.text)\(injected.errors)")
    for (call, answer) in zip(allowed, answers) { #expect(Int(answer) ?? -1 >= 0, "\(call): \(answer)") }
    for ((call, wanted), answer) in zip(expected, answers.dropFirst(allowed.count)) {
      #expect(answer == wanted, "\(call)")
    }
    try laboratory.ping("-c 5 -i 0.005")
    usleep(200_000)
    let summary = try moontap.stop().json()
    #expect(summary.mirror("m")?["receivers"]?.array?.first?["delivered"]?.packets ?? 0 >= 20)
    #expect(summary["live"]?["confinement"]?["seccomp"]?.bool == true)
    #expect(summary["live"]?["confinement"]?["landlock"]?.integer ?? 0 >= 1)
  }

  @Test func holdsForEveryThread() throws {
    let laboratory = try Laboratory()
    let policy = try laboratory.policy()
    try laboratory.shell("chmod -R a+rX \(laboratory.folder.url.path)")
    let moontap = try laboratory.moontap(policy, ["--metrics", "127.0.0.1:0"], as: Self.nobody)
    let folder = "/proc/\(moontap.process.processIdentifier)/task"
    let tasks = try FileManager.default.contentsOfDirectory(atPath: folder)
    // The engine's, that of reloads, that of clients.
    #expect(tasks.count >= 3)
    for task in tasks {
      let status = try String(contentsOfFile: "\(folder)/\(task)/status", encoding: .utf8)
      for line in [
        "CapInh:\t0000000000000000", "CapPrm:\t0000000000002000", "CapEff:\t0000000000002000",
        "CapBnd:\t0000000000002000",
        "CapAmb:\t0000000000000000", "NoNewPrivs:\t1", "Seccomp:\t2", "Uid:\t65534\t65534\t65534\t65534",
      ] {
        #expect(status.contains(line + "\n"), "\(line) is not in \(status)")
      }
    }
    #expect(try moontap.stop().status == 0)
  }

  /// Neither while it runs nor afterwards is an interface, a queueing discipline, a route, a rule or an address another.
  @Test func leavesTheNetworkAsItIs() throws {
    let laboratory = try Laboratory()
    let policy = try laboratory.policy()
    func network() throws -> String {
      try laboratory.shell(
        """
        ip -n \(laboratory.host) -d link | sed -E 's/_timer +[0-9.]+//g'; ip -n \(laboratory.host) addr; tc -n \(laboratory.host) qdisc; tc -n \(laboratory.host) filter
        for list in "route show table all" rule "neigh show nud permanent"; do ip -n \(laboratory.host) $list; done
        """)
    }
    // Neighbours of the receiver are learned, carriers come up.
    try laboratory.ping("-c 2 -i 0.1")
    let before = try network()
    #expect(before.contains("promiscuity 0"))
    let moontap = try laboratory.moontap(policy)
    try laboratory.ping("-c 5 -i 0.005")
    #expect(try network() == before)
    #expect(try moontap.stop().status == 0)
    #expect(try network() == before)
  }

  @Test func aReloadReadsInTheFoldersOfTheBeginningOnly() throws {
    let laboratory = try Laboratory()
    let policy = try laboratory.policy(#"source.eni("eni-web1")"#)
    // Beside that of the inventory, which may be read as a whole.
    let beside = try TemporaryFolder()
    let folder = beside.url.path
    try laboratory.shell(
      """
      mkdir -p \(folder)/one/lib \(folder)/two; mv \(policy) \(folder)/one/policy.lua
      ln -s one \(folder)/current; cp \(folder)/one/policy.lua \(folder)/two
      """)
    let moontap = try laboratory.moontap("\(folder)/current/policy.lua")
    // As editors save: a new file takes the name.
    try laboratory.shell(
      """
      echo 'return 1' > \(folder)/one/lib/extra.lua
      (echo 'require("lib.extra")'; cat \(folder)/one/policy.lua) > \(folder)/one/new; mv \(folder)/one/new \(folder)/one/policy.lua
      """)
    moontap.signal(SIGHUP)
    try moontap.hear("in force from the next packet on")
    try laboratory.shell("ln -sfn two \(folder)/current")
    moontap.signal(SIGHUP)
    try moontap.hear("reload: refused")
    #expect(
      moontap.errors.contains(
        "current/policy.lua: live.confinement: the policy is in \(folder)/two now, which the run may not read"),
      "\(moontap.errors)")
    let finished = try moontap.stop()
    #expect(finished.status == 0)
    #expect(try finished.json()["reloads"]?.integer == 1)
  }

  /// The store is read and written, and SQLite's files beside it.
  @Test func followsAStoreAndChangesIt() throws {
    let laboratory = try Laboratory()
    let store = laboratory.folder.path("store.db")
    func moontap(_ arguments: String...) throws {
      let finished = try Shell.moontap(arguments + ["--store", store])
      try #require(finished.status == 0, "\(finished.errors)")
    }
    try moontap("inventory", "import", laboratory.folder.path("inventory.json"))
    try moontap(
      "mirror", "create", "--name", "m", "--vpc", "vpc-shop", "--subnet", "subnet-web", "--receivers", "10.20.9.10",
      "--vni", "7")
    let policy = try laboratory.folder.write(
      """
      local rooms = { name = "rooms", vpc = "vpc-shop", source = source.vpc(), target = target.receivers "10.20.9.10" }
      every(0.1, function()
        if not mirrors.rooms then pcall(mirrors.create, rooms) end
      end)
      """, to: "policy.lua")
    let run = try Daemon(
      in: laboratory.host, [Shell.moontap, "run", policy, "--store", store, "--live", "--json"], ready: "capturing on")
    try laboratory.ping("-c 5 -i 0.1")
    try run.hear("reload: 2 mirrors, in force from the next packet on")
    try moontap("mirror", "disable", "m")
    try run.hear("reload: 1 mirror, in force from the next packet on")
    try laboratory.ping("-c 5 -i 0.005")
    usleep(200_000)
    let summary = try run.stop().json()
    #expect(summary.mirror("rooms")?["collected"]?.packets ?? 0 >= 10)
    let listed = try Shell.moontap("mirror", "list", "--store", store, "--json")
    #expect(listed.text.contains("rooms"))
  }
}
