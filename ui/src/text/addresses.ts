/** Where this computer can be reached, as people compare it: network addresses without ports, the plain ones first. */

/** Addresses that only this computer, or only this one cable, knows: no use in comparing them. */
const OWN = /^(127\.|0\.0\.0\.0$|::1?$|fe[89ab][0-9a-f]:)/i;

/** The distinct network addresses in a list of multiaddresses (`/ip4/192.168.1.23/tcp/42710`); IPv4 first. */
export function hosts(multiaddresses: readonly string[]): string[] {
  const found = multiaddresses.flatMap((address) => /^\/ip[46]\/([^/%]+)/.exec(address)?.[1] ?? []);
  const shown = [...new Set(found)].filter((host) => !OWN.test(host));
  return [...shown.filter((host) => !host.includes(":")), ...shown.filter((host) => host.includes(":"))];
}
