// @ts-check
// Packs what `npm run build` made and says how large it is; ends with 1 where it is too large or holds what it must not.
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";

/** Everything but fonts and pictures, in bytes packed. */
const MOST = 250_000;
/** Words of the world in memory, which stays out of a built app. */
const NEVER = [/Jun Takahashi/, /MemoryBackend/];
/** No page of ours names a place on the internet, apart from the names of XML's own vocabularies. */
const REMOTE = /https?:\/\/(?!www\.w3\.org\/|svelte\.dev\/)[a-z0-9-]+\.[a-z]/gi;

const dist = fileURLToPath(new URL("../dist", import.meta.url));
let packed = 0;
let faults = 0;
for (const entry of readdirSync(dist, { recursive: true, withFileTypes: true })) {
  if (!entry.isFile() || !/\.(html|js|css)$/.test(entry.name)) continue;
  const bytes = readFileSync(join(entry.parentPath, entry.name));
  const size = gzipSync(bytes, { level: 9 }).length;
  packed += size;
  console.log(`${String(size).padStart(8)}  ${entry.name}`);
  const text = bytes.toString();
  for (const fault of [...NEVER.filter((one) => one.test(text)), ...(text.match(REMOTE) ?? [])]) {
    faults += 1;
    console.error(`${entry.name} holds ${fault}`);
  }
}
console.log(`${String(packed).padStart(8)}  packed, of at most ${MOST}`);
process.exit(packed <= MOST && faults === 0 ? 0 : 1);
