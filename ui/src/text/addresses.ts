/** Addresses as people read them, compare them and type them. */

/** Addresses that only this computer, or only this one cable, knows: no use in telling them. */
const OWN = /^(127\.|0\.0\.0\.0$|::1?$|fe[89ab][0-9a-f]:)/i;

/** A multiaddress of TCP, which is what is typed as host and port. */
const TCP = /^\/ip[46]\/([^/%]+)\/tcp\/(\d+)$/;

function hostAndPort(host: string, port: string): string {
  return host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`;
}

/** An address as a person types it: `192.168.1.23:42710` for TCP; others stay multiaddresses. */
export function endpoint(multiaddress: string): string {
  const [, host, port] = TCP.exec(multiaddress) ?? [];
  return host && port ? hostAndPort(host, port) : multiaddress;
}

/** What others can type to reach this computer, each once; IPv4 first. */
export function endpoints(multiaddresses: readonly string[]): string[] {
  const found = multiaddresses.flatMap((address) => {
    const [, host, port] = TCP.exec(address) ?? [];
    return host && port && !OWN.test(host) ? [hostAndPort(host, port)] : [];
  });
  const shown = [...new Set(found)];
  return [...shown.filter((one) => !one.startsWith("[")), ...shown.filter((one) => one.startsWith("["))];
}
