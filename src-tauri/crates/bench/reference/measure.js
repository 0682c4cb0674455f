// Does with ssb-db2 what the benchmarks do with Periwinkle, and prints one JSON object on stdout.
//
//   node measure.js ingest FOLDER FILE    stores the lines of FILE with addBatch: {"messages", "seconds", "megabytes"}
//   node measure.js ask FOLDER KEYS       the questions of the file KEYS, {NAME: [KEY, …]}: {NAME: [MILLISECONDS, …]}
//   node measure.js start FOLDER          opens FOLDER and prints its newest page: {"posts", "megabytes"}
//   node measure.js peer FOLDER IDS PORT  a peer that asks for the feeds of the file IDS, a JSON list, and listens at 127.0.0.1.
//                                         Prints {"address"}, then answers each line that it is told with one:
//                                           connect ADDRESS   {"done"} once it is linked
//                                           all COUNT         the same once so many messages are indexed and on the disk
//                                           next COUNT        the same once so many are in the log, of which one is still missing
//                                           post TEXT         the same once it is in the log
//                                         and ends when no more lines come.
//
// FOLDER holds the reader's key as the file `secret`. The packages are found from the working folder, so that they need not
// lie beside this file.

const { createReadStream } = require("node:fs");
const fs = require("node:fs/promises");
const path = require("node:path");
const { createInterface } = require("node:readline");
const { createRequire } = require("node:module");
const { promisify } = require("node:util");

const load = createRequire(path.join(process.cwd(), "package.json"));
const { where, and, type, author, channel, hasRoot, mentions, isRoot, descending, paginate, toPromise } =
  load("ssb-db2/operators");

/** Posts of a page, on both sides. */
const PAGE = 20;
/** Messages of one call of addBatch, all of one author. */
const BATCH = 1000;
/** Messages that are parsed and held before the clock runs for them; the ones after wait. */
const WINDOW = 100_000;

/** The most memory that this process ever had, in MiB. */
const peak = () => Math.round(process.resourceUsage().maxRSS / 1024);

/** A peer that speaks with others through `connections`; nobody calls, and nobody is called, without. */
async function open(folder, connections = { incoming: {}, outgoing: {} }) {
  const stack = load("secret-stack")({ caps: load("ssb-caps") })
    .use(load("ssb-db2"))
    .use(load("ssb-db2/compat/ebt"));
  if (connections.incoming.net) stack.use(load("ssb-ebt"));
  const peer = stack({
    path: folder,
    keys: load("ssb-keys").loadOrCreateSync(path.join(folder, "secret")),
    timers: { inactivity: -1 },
    connections,
  });
  await drained(peer, "base");
  return peer;
}

const drained = (peer, index) => new Promise((done) => peer.db.onDrain(index, done));

/** Everything below `folder` is on the disk, not only with the system. */
async function synced(folder) {
  for (const entry of await fs.readdir(folder, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue;
    const file = await fs.open(path.join(entry.parentPath ?? entry.path, entry.name), "r+").catch((error) => {
      // An index that is written under another name and renamed when it is whole: it was renamed just now.
      if (error.code !== "ENOENT") throw error;
    });
    await file?.sync();
    await file?.close();
  }
}

/** All that was stored in `folder` is indexed, and on the disk. */
async function durable(peer, folder) {
  await new Promise((done) => peer.db.getLog().onDrain(done));
  await drained(peer, "base");
  await drained(peer, "ebt");
  await synced(path.join(folder, "db2"));
}

async function ingest(folder, file) {
  const peer = await open(folder);
  const addBatch = promisify(peer.db.addBatch);
  let [messages, milliseconds, held] = [0, 0, []];
  const store = async () => {
    const authors = new Map();
    for (const message of held) {
      if (!authors.has(message.author)) authors.set(message.author, []);
      authors.get(message.author).push(message);
    }
    const begun = performance.now();
    for (const theirs of authors.values()) {
      for (let at = 0; at < theirs.length; at += BATCH) await addBatch(theirs.slice(at, at + BATCH));
    }
    milliseconds += performance.now() - begun;
    messages += held.length;
    held = [];
  };
  for await (const line of createInterface({ input: createReadStream(file), crlfDelay: Infinity })) {
    held.push(JSON.parse(line).value);
    if (held.length === WINDOW) await store();
  }
  await store();
  const begun = performance.now();
  await durable(peer, folder);
  milliseconds += performance.now() - begun;
  return { messages, seconds: milliseconds / 1000, megabytes: peak() };
}

const QUESTIONS = {
  everything: () => [where(and(type("post"), isRoot())), descending(), paginate(PAGE)],
  channel: (name) => [where(and(type("post"), channel(name))), descending(), paginate(PAGE)],
  profile: (id) => [where(and(type("post"), author(id))), descending(), paginate(PAGE)],
  thread: (id) => [where(hasRoot(id))],
  links: (id) => [where(mentions(id)), descending(), paginate(PAGE)],
};

async function ask(folder, keys) {
  const peer = await open(folder);
  const times = {};
  for (const [name, asked] of Object.entries(JSON.parse(await fs.readFile(keys, "utf8")))) {
    times[name] = [];
    for (const key of asked) {
      const begun = performance.now();
      await peer.db.query(...QUESTIONS[name](key), toPromise());
      times[name].push(performance.now() - begun);
    }
  }
  return times;
}

async function start(folder) {
  const peer = await open(folder);
  const page = await peer.db.query(...QUESTIONS.everything(), toPromise());
  return { posts: page.results.length, megabytes: peak() };
}

/** How often a peer looks how much it has, in milliseconds: while much comes, and while it waits for the next message. */
const LOOK = { all: 20, next: 1 };

async function peer(folder, ids, port) {
  const scope = { scope: ["device"], transform: "shs", host: "127.0.0.1", port: Number(port) };
  const peer = await open(folder, { incoming: { net: [scope] }, outgoing: { net: [{ transform: "shs" }] } });
  for (const id of JSON.parse(await fs.readFile(ids, "utf8"))) peer.ebt.request(id, true);
  await promisify(peer.getVectorClock)();
  const has = async (count, wait) => {
    const messages = async () => Object.values(await promisify(peer.getVectorClock)()).reduce((sum, each) => sum + each, 0);
    while ((await messages()) < Number(count)) await new Promise((done) => setTimeout(done, wait));
  };
  const tasks = {
    connect: (address) => promisify(peer.connect)(address),
    all: (count) => has(count, LOOK.all).then(() => durable(peer, folder)),
    next: (count) => has(count, LOOK.next),
    post: (text) => promisify(peer.db.create)({ keys: peer.config.keys, content: { type: "post", text } }),
  };
  const say = (answer) => process.stdout.write(JSON.stringify(answer) + "\n");
  say({ address: peer.getAddress("device") });
  for await (const line of createInterface({ input: process.stdin })) {
    const [what, ...rest] = line.split(" ");
    await tasks[what](rest.join(" "));
    say({ done: true });
  }
  await promisify(peer.close)(true);
  return { ended: true };
}

const [work, ...given] = process.argv.slice(2);
const works = { ingest, ask, start, peer };
if (!(work in works)) throw new Error(`measure.js cannot ${work}: ingest, ask, start or peer`);
works[work](...given).then((answer) => {
  process.stdout.write(JSON.stringify(answer) + "\n", () => process.exit(0));
});
