import { expect, it } from "vitest";
import { endpoint, endpoints, hosts } from "./addresses";

it("shows each address of the network once, without the computer's own and without ports", () => {
  expect(
    hosts([
      "/ip6/::1/tcp/1",
      "/ip6/fd00::2/tcp/1",
      "/ip6/fe80::fc:ff:fe00:1/udp/2/quic-v1",
      "/ip4/127.0.0.1/tcp/1",
      "/ip4/192.168.1.23/udp/2/quic-v1",
      "/ip4/192.168.1.23/tcp/1",
      "/dns/example.org/tcp/1",
      "nonsense",
    ]),
  ).toEqual(["192.168.1.23", "fd00::2"]);
});

it("shows what others can type", () => {
  const addresses = ["/ip6/fd00::2/tcp/7", "/ip4/127.0.0.1/tcp/1", "/ip4/192.168.1.23/udp/2/quic-v1", "/ip4/192.168.1.23/tcp/4100", "/ip4/192.168.1.23/tcp/4100"];
  expect(endpoints(addresses)).toEqual(["192.168.1.23:4100", "[fd00::2]:7"]);
  expect(endpoint("/ip4/10.0.0.7/udp/1/quic-v1")).toBe("/ip4/10.0.0.7/udp/1/quic-v1");
  expect(endpoint("/ip4/10.0.0.7/tcp/1/p2p/abc")).toBe("/ip4/10.0.0.7/tcp/1/p2p/abc");
});
