// The least that a program must do which judges a capture for the mirror of scripts/bench, written for that mirror and
// that traffic alone: what the goals are measured against beside tcpdump. It remembers no conversation, counts for nobody,
// balances by a hash of the addresses, checks no more of a header than it must, and takes IPv6 for something else, since
// the mirror's conditions do.
//
//   reference CAPTURE            counts the packets that are collected
//   reference CAPTURE FOLDER     writes their VXLAN copies into four files too
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { piece = 256 << 10, largest = 1 << 20, outer = 50, receivers = 4 };

static uint8_t input[largest + piece];
static uint8_t output[receivers][2 * piece + largest];
static size_t used[receivers];
static int files[receivers];

static uint16_t number16(const uint8_t *at) {
  uint16_t value;
  memcpy(&value, at, 2);
  return __builtin_bswap16(value);
}

static uint32_t number32(const uint8_t *at) {
  uint32_t value;
  memcpy(&value, at, 4);
  return __builtin_bswap32(value);
}

// TCP between 10.20.0.0/16 and anybody, one port from 1024, not from 10.20.200.10 to .13; the key of the balance, or -1.
static int64_t judge(const uint8_t *frame, uint32_t captured) {
  uint32_t at = 14;
  uint16_t type = number16(frame + 12);
  if (type == 0x8100 || type == 0x88a8) {
    at = 18;
    type = number16(frame + 16);
  }
  if (type != 0x0800 || captured < at + 24 || frame[at] != 0x45) return -1;
  if (frame[at + 9] != 6 || (number16(frame + at + 6) & 0x1fff) != 0) return -1;
  uint32_t source = number32(frame + at + 12), destination = number32(frame + at + 16);
  if (source >> 16 != 0x0a14 && destination >> 16 != 0x0a14) return -1;
  if (number16(frame + at + 20) < 1024 && number16(frame + at + 22) < 1024) return -1;
  if (source - 0x0a14c80a < receivers) return -1;
  return source ^ destination;
}

static void drain(int receiver, size_t count) {
  if (write(files[receiver], output[receiver], count) != (ssize_t)count) exit(1);
  used[receiver] -= count;
  memmove(output[receiver], output[receiver] + count, used[receiver]);
}

static void copy(const uint8_t *record, uint32_t captured, uint32_t key) {
  static const uint8_t headers[64];
  int receiver = key * 0x9e3779b1u >> 30;
  uint8_t *to = output[receiver] + used[receiver];
  uint32_t length = captured + outer;
  memcpy(to, record, 16);
  memcpy(to + 8, &length, 4);
  memcpy(to + 12, &length, 4);
  memcpy(to + 16, headers, 64);
  memcpy(to + 16 + outer, record + 16, captured);
  used[receiver] += 16 + length;
  if (used[receiver] >= piece) drain(receiver, piece);
}

int main(int count, char **arguments) {
  char path[4096];
  int capture = count < 2 ? -1 : open(arguments[1], O_RDONLY);
  if (capture < 0) return 1;
  for (int receiver = 0; count > 2 && receiver < receivers; receiver++) {
    snprintf(path, sizeof path, "%s/%d", arguments[2], receiver);
    files[receiver] = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0666);
  }
  size_t held = 0, at = 24;
  uint64_t collected = 0;
  ssize_t got;
  while ((got = read(capture, input + held, piece)) > 0) {
    size_t end = held + got;
    uint32_t captured;
    for (; end - at >= 16; at += 16 + captured) {
      memcpy(&captured, input + at + 8, 4);
      if (captured > largest / 2) return 1;
      if (end - at - 16 < captured) break;
      int64_t key = captured < 14 + 4 ? -1 : judge(input + at + 16, captured);
      if (key < 0) continue;
      collected++;
      if (count > 2) copy(input + at, captured, (uint32_t)key);
    }
    held = end - at;
    memmove(input, input + at, held);
    at = 0;
  }
  for (int receiver = 0; count > 2 && receiver < receivers; receiver++) drain(receiver, used[receiver]);
  printf("%llu\n", (unsigned long long)collected);
}
