import { expect, it } from "vitest";
import { hosts } from "./addresses";

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
