-- inventory: ../inventories/campus.json

local lamernews = mirrors.lamernews

local function request(payload, port)
  return packet.tcp {
    source = "10.50.109.228", source_port = 5000, destination = "192.0.2.7", destination_port = port or 80,
    direction = "out", flags = "P.", payload = payload,
  }
end

test("a request to the site is collected", function()
  local text = "GET /news HTTP/1.1\r\nAccept: */*\r\nHost: lamernews.com\r\n\r\n"
  expect(lamernews:judge(request(text))).receiver:equals("10.50.9.10")
end)

test("other sites, and names that only begin alike, are left out", function()
  expect(lamernews:judge(request "GET / HTTP/1.1\r\nHost: example.org\r\n\r\n")).reason:equals("filtered")
  expect(lamernews:judge(request "GET / HTTP/1.1\r\nHost: lamernews.com.example\r\n\r\n")).reason:equals("filtered")
end)

test("only GET requests, from the first byte", function()
  expect(lamernews:judge(request "POST / HTTP/1.1\r\nHost: lamernews.com\r\n\r\n")).reason:equals("filtered")
  expect(lamernews:judge(request "\r\nHost: lamernews.com\r\n")).reason:equals("filtered")
  expect(lamernews:judge(request "")).reason:equals("filtered")
end)

test("only port 80, only what goes out", function()
  local text = "GET / HTTP/1.1\r\nHost: lamernews.com\r\n\r\n"
  expect(lamernews:judge(request(text, 8080))).reason:equals("filtered")
  local inbound = packet.tcp {
    source = "192.0.2.7", destination = "10.50.109.228", destination_port = 80, direction = "in", payload = text,
  }
  expect(lamernews:judge(inbound)).reason:equals("direction")
end)
