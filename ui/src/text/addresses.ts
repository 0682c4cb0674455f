/** Where this computer can be reached, as people compare it: network addresses without ports, the plain ones first. */

/** Addresses that only this computer, or only this one cable, knows: no use in comparing them. */
const OWN = /^(127\.|0\.0\.0\.0$|::1?$|fe[89ab][0-9a-f]:)/i;

/** An address as a person types it: `192.168.1.23:42710` for TCP; others stay multiaddresses. */
export function endpoint(multiaddress: string): string {
  const tcp = /^\/ip([46])\/([^/%]+)\/tcp\/(\d+)$/.exec(multiaddress);
  if (!tcp) return multiaddress;
  const [, version, host, port] = tcp;
  return version === "6" ? `[${host}]:${port}` : `${host}:${port}`;
}

/** What others can type to reach this computer, the plain ones first. */
export function endpoints(multiaddresses: readonly string[]): string[] {
  const reachable = hosts(multiaddresses);
  const typed = multiaddresses.filter((address) => address.includes("/tcp/") && reachable.includes(/^\/ip[46]\/([^/%]+)/.exec(address)?.[1] ?? ""));
  const shown = [...new Set(typed.map(endpoint))];
  return [...shown.filter((one) => !one.startsWith("[")), ...shown.filter((one) => one.startsWith("["))];
}

/** The distinct network addresses in a list of multiaddresses (`/ip4/192.168.1.23/tcp/42710`); IPv4 first. */
export function hosts(multiaddresses: readonly string[]): string[] {
  const found = multiaddresses.flatMap((address) => /^\/ip[46]\/([^/%]+)/.exec(address)?.[1] ?? []);
  const shown = [...new Set(found)].filter((host) => !OWN.test(host));
  return [...shown.filter((host) => !host.includes(":")), ...shown.filter((host) => host.includes(":"))];
}
