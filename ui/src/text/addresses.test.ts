import { expect, it } from "vitest";
import { endpoint, endpoints } from "./addresses";

it("shows what others can type, each once, without the computer's own, IPv4 first", () => {
  expect(
    endpoints([
      "/ip6/::1/tcp/1",
      "/ip6/fd00::2/tcp/1",
      "/ip6/fe80::fc:ff:fe00:1/tcp/2",
      "/ip4/0.0.0.0/tcp/1",
      "/ip4/127.0.0.1/tcp/1",
      "/ip4/192.168.1.23/udp/2/quic-v1",
      "/ip4/192.168.1.23/tcp/4100",
      "/ip4/192.168.1.23/tcp/4100",
      "/dns/example.org/tcp/1",
      "nonsense",
    ]),
  ).toEqual(["192.168.1.23:4100", "[fd00::2]:1"]);
});

it("writes TCP as host and port, and everything else as it is", () => {
  expect(endpoint("/ip4/10.0.0.7/tcp/1")).toBe("10.0.0.7:1");
  expect(endpoint("/ip6/fd00::2/tcp/7")).toBe("[fd00::2]:7");
  expect(endpoint("/ip4/10.0.0.7/udp/1/quic-v1")).toBe("/ip4/10.0.0.7/udp/1/quic-v1");
  expect(endpoint("/ip4/10.0.0.7/tcp/1/p2p/abc")).toBe("/ip4/10.0.0.7/tcp/1/p2p/abc");
});
