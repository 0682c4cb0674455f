/** Where a link in a text leads. Only what is understood here becomes a link; all else stays plain text. */

export type Destination =
  | { kind: "person"; id: string }
  | { kind: "post"; id: string }
  | { kind: "blob"; id: string }
  | { kind: "channel"; name: string }
  | { kind: "web"; href: string; host: string }
  | { kind: "mail"; href: string; address: string };

/** 32 bytes in base64, then the suffix: ids of the classic format. */
const PERSON = /^@[A-Za-z0-9+/]{43}=\.ed25519$/;
const POST = /^%[A-Za-z0-9+/]{43}=\.sha256$/;
const BLOB = /^&[A-Za-z0-9+/]{43}=\.sha256/;
/** A channel's name: letters, digits, marks, `-` and `_`, as the classic clients read it; at most 60. */
const CHANNEL = /^#([\p{L}\p{N}\p{M}_-]{1,60})$/u;
const SSB = /^ssb:(?:\/\/)?(message|feed|blob)[/:](?:sha256|ed25519|classic)[/:]([A-Za-z0-9_-]{43}=)$/;

/** Reads the target of a link; null for whatever must not be one (`javascript:`, `data:`, `file:`, relative paths, …). */
export function destination(target: string): Destination | null {
  const text = target.trim();
  if (PERSON.test(text)) return { kind: "person", id: text };
  if (POST.test(text)) return { kind: "post", id: text };
  const blob = BLOB.exec(text);
  if (blob) return { kind: "blob", id: blob[0] };
  const channel = CHANNEL.exec(text);
  if (channel?.[1]) return { kind: "channel", name: channel[1] };
  if (/^ssb:/i.test(text)) return fromSsbUri(text);
  if (/^mailto:/i.test(text)) return fromMail(text);
  if (/^https?:\/\//i.test(text)) return fromWeb(text);
  return null;
}

/** `ssb:message/sha256/…` and the like, with the URL-safe alphabet of base64. */
function fromSsbUri(text: string): Destination | null {
  const parts = SSB.exec(text);
  if (!parts?.[1] || !parts[2]) return null;
  const data = parts[2].replaceAll("-", "+").replaceAll("_", "/");
  switch (parts[1]) {
    case "feed":
      return { kind: "person", id: `@${data}.ed25519` };
    case "message":
      return { kind: "post", id: `%${data}.sha256` };
    default:
      return { kind: "blob", id: `&${data}.sha256` };
  }
}

function fromMail(text: string): Destination | null {
  const address = /^mailto:([^?\s]+@[^?\s]+)/i.exec(text)?.[1];
  return address ? { kind: "mail", href: text, address } : null;
}

/** The host is what the browser would ask for: letters outside ASCII show as `xn--…`, a name before `@` does not count. */
function fromWeb(text: string): Destination | null {
  if (!URL.canParse(text)) return null;
  const url = new URL(text);
  if (url.protocol !== "http:" && url.protocol !== "https:") return null;
  return { kind: "web", href: url.href, host: url.host };
}
