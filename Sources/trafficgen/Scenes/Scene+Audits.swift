import Wire

// For each audit of examples/audits that looks at traffic: what it finds (`bad`), and the like that is in order (`good`).
extension Scene {
  static let audits: [(audit: String, bad: Scene, good: Scene)] = [
    ("cleartext-credentials", credentials(isBad: true), credentials(isBad: false)),
    ("weak-tls", weakTLS(isBad: true), weakTLS(isBad: false)),
    ("expired-certificate", certificate(isBad: true), certificate(isBad: false)),
    ("dns-exfiltration", names(isBad: true), names(isBad: false)),
    ("port-scan", scan(isBad: true), scan(isBad: false)),
    ("nat-egress", egress(isBad: true), egress(isBad: false)),
    ("lateral-movement", lateral(isBad: true), lateral(isBad: false)),
    ("arp-spoofing", claims(isBad: true), claims(isBad: false)),
    ("balance-skew", copies(isBad: true), copies(isBad: false)),
  ]

  private static func credentials(isBad: Bool) -> Scene {
    var scene = Scene()
    let client = Host.web1
    let server = Host.outside("192.0.2.7")
    if isBad {
      scene.talk(
        (client, 40001), (server, 21),
        ["", "220 ready\r\n", "USER ada\r\n", "331 password\r\n", "PASS lovelace\r\n", "230 in\r\n"])
      scene.talk((client, 40002), (server, 23), [[255, 253, 3], [255, 251, 1], Array("ada\r\n".utf8)])
      scene.talk(
        (client, 40003), (server, 80),
        [
          "GET /admin HTTP/1.1\r\nHost: shop.example\r\nAuthorization: Basic YWRhOmxvdmVsYWNl\r\n\r\n",
          "HTTP/1.1 200 OK\r\n\r\n",
        ])
      scene.talk(
        (client, 40004), (server, 110), ["", "+OK\r\n", "USER ada\r\n", "+OK\r\n", "PASS lovelace\r\n", "+OK\r\n"])
      scene.talk((client, 40005), (server, 143), ["", "* OK\r\n", "a1 LOGIN ada lovelace\r\n", "a1 OK\r\n"])
      scene.talk(
        (client, 40006), (server, 587),
        ["", "220 mail\r\n", "EHLO a\r\n", "250 AUTH\r\n", "AUTH PLAIN AGFkYQBsb3ZlbGFjZQ==\r\n", "235 in\r\n"])
    } else {
      scene.talk(
        (client, 40001), (server, 21),
        ["", "220 ready\r\n", "AUTH TLS\r\n", "234 go\r\n", "\u{16}\u{3}\u{3}", "\u{16}\u{3}\u{3}"])
      scene.talk((client, 40002), (server, 23), [[255, 253, 3], [255, 251, 1]])
      scene.talk(
        (client, 40003), (server, 80),
        ["GET / HTTP/1.1\r\nHost: shop.example\r\nAuthorization: Bearer abc\r\n\r\n", "HTTP/1.1 200 OK\r\n\r\n"])
      scene.talk(
        (client, 40006), (server, 587),
        ["", "220 mail\r\n", "EHLO a\r\n", "250 STARTTLS\r\n", "STARTTLS\r\n", "220 go\r\n"])
    }
    return scene
  }

  private static func weakTLS(isBad: Bool) -> Scene {
    var scene = Scene()
    let server = Host.outside("192.0.2.8")
    let hello = TLSBytes.clientHello(version: 0x0303, ciphers: [0x1301, 0xc02f, 0x0005, 0x000a], name: "old.example")
    let answers: [(UInt16, UInt16)] =
      isBad ? [(0x0301, 0xc014), (0x0303, 0x0005)] : [(0x0303, 0xc02f), (0x0303, 0x1301)]
    for (number, answer) in answers.enumerated() {
      scene.talk(
        (.web1, 41000 + UInt16(number)), (server, 443),
        [hello, TLSBytes.serverHello(version: answer.0, cipher: answer.1)])
    }
    return scene
  }

  private static func certificate(isBad: Bool) -> Scene {
    var scene = Scene()
    let hello = TLSBytes.clientHello(version: 0x0303, ciphers: [0xc02f], name: "shop.example")
    let held = TLSBytes.certificate(subject: "shop.example", from: "250101000000Z", until: "270101000000Z")
    let expired = TLSBytes.certificate(subject: "old.example", from: "240101000000Z", until: "260930120000Z")
    scene.talk(
      (.web1, 42000), (.outside("192.0.2.9"), 443),
      [hello, TLSBytes.serverHello(version: 0x0303, cipher: 0xc02f) + (isBad ? expired : held)])
    return scene
  }

  private static func names(isBad: Bool) -> Scene {
    var scene = Scene()
    let resolver = Host.outside("192.0.2.53")
    for number in 0..<150 {
      let stem = (0..<13).map { String((number * 7919 + $0 * 104_729) % 1000 + 1000) }.joined()
      let name = isBad ? "\(stem).tunnel.example" : "www\(number % 20).shop.example"
      scene.udp(
        (.web1, 30000 + UInt16(number)), (resolver, 53),
        DNSBytes.question(name, type: isBad ? 16 : 1, id: UInt16(number)))
    }
    return scene
  }

  private static func scan(isBad: Bool) -> Scene {
    var scene = Scene()
    if isBad {
      for port in UInt16(1)...60 {
        scene.tcp((.bastion, 50000), (.db1, port), "S")
        scene.tcp((.db1, port), (.bastion, 50000), ".R")
      }
    } else {
      for number in UInt16(0)..<60 {
        scene.talk((.app1, 50000 + number), (.db1, 5432), ["select 1", "1"])
      }
      for port in UInt16(1)...20 { scene.tcp((.bastion, 50000), (.db1, port), "S") }
    }
    return scene
  }

  private static func egress(isBad: Bool) -> Scene {
    var scene = Scene()
    scene.talk((.app1, 43000), (.outside("198.51.100.80"), isBad ? 6667 : 443), ["NICK bot\r\n", "ok\r\n"])
    scene.udp((.app1, 43001), (.outside("198.51.100.53"), 53), DNSBytes.question("shop.example", type: 1, id: 1))
    scene.talk((.app1, 43002), (.db1, 5432), ["select 1", "1"])
    return scene
  }

  private static func lateral(isBad: Bool) -> Scene {
    var scene = Scene()
    scene.talk((.web1, 44000), (.app1, 8080), ["GET / HTTP/1.1\r\n\r\n", "HTTP/1.1 200 OK\r\n\r\n"])
    scene.talk((.app1, 44001), (.db1, 5432), ["select 1", "1"])
    if isBad { scene.talk((.web1, 44002), (.db1, 22), ["SSH-2.0-x\r\n", "SSH-2.0-y\r\n"]) }
    return scene
  }

  private static func claims(isBad: Bool) -> Scene {
    var scene = Scene()
    scene.add(ARPBytes.answer(sender: .web1, claims: "10.20.1.11", to: .web2))
    scene.add(ARPBytes.answer(sender: .web2, claims: "10.20.1.12", to: .web1))
    if isBad { scene.add(ARPBytes.answer(sender: .web2, claims: "10.20.1.11", to: .bastion)) }
    return scene
  }

  /// Copies of the mirror `https-to-ids` with VNI 7, to its two receivers.
  private static func copies(isBad: Bool) -> Scene {
    var scene = Scene()
    let header: [UInt8] = [0x08, 0, 0, 0, 0, 0, 7, 0]
    for number in 0..<1200 {
      let isFirst = isBad ? number % 10 != 0 : number % 2 == 0
      scene.udp((.outside("10.20.0.1"), 50000 + UInt16(number % 97)), (isFirst ? .sensor1 : .sensor2, 4789), header)
    }
    return scene
  }
}
