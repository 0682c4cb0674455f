// Does with ssb-db2 what the benchmarks do with Periwinkle, and prints one JSON object on stdout.
//
//   node measure.js ingest FOLDER FILE    stores the lines of FILE with addBatch: {"messages", "seconds", "megabytes"}
//   node measure.js ask FOLDER KEYS       the questions of the file KEYS, {NAME: [KEY, …]}: {NAME: [MILLISECONDS, …]}
//   node measure.js start FOLDER          opens FOLDER and prints its newest page: {"posts", "megabytes"}
//   node measure.js peer FOLDER IDS PORT  a peer that asks for the feeds of the file IDS, a JSON list, and listens at 127.0.0.1.
//                                         Prints {"ready", "address", "messages"}, then answers each line that it is told with one:
//                                           connect ADDRESS   {"connected"} once it is
//                                           has COUNT         {"received", "durable"}, seconds until so many messages are in the
//                                                             log, and until they are indexed and on the disk as well
//                                           post TEXT         {"posted"}, the new message's sequence number
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
  await new Promise((done) => peer.db.getLog().onDrain(done));
  await drained(peer, "base");
  await drained(peer, "ebt");
  await synced(path.join(folder, "db2"));
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
const LOOK = { bulk: 20, one: 1 };

async function peer(folder, ids, port) {
  const scope = { scope: ["device"], transform: "shs", host: "127.0.0.1", port: Number(port) };
  const peer = await open(folder, { incoming: { net: [scope] }, outgoing: { net: [{ transform: "shs" }] } });
  for (const id of JSON.parse(await fs.readFile(ids, "utf8"))) peer.ebt.request(id, true);
  await promisify(peer.getVectorClock)();
  const messages = async () => Object.values(await promisify(peer.getVectorClock)()).reduce((sum, each) => sum + each, 0);
  const answers = {
    async connect(address) {
      await promisify(peer.connect)(address);
      return { connected: true };
    },
    async has(count) {
      const begun = performance.now();
      const wait = Number(count) - (await messages()) > 1 ? LOOK.bulk : LOOK.one;
      while ((await messages()) < Number(count)) await new Promise((done) => setTimeout(done, wait));
      const received = performance.now() - begun;
      if (wait === LOOK.bulk) {
        await new Promise((done) => peer.db.getLog().onDrain(done));
        await drained(peer, "base");
        await drained(peer, "ebt");
        await synced(path.join(folder, "db2"));
      }
      return { received: received / 1000, durable: (performance.now() - begun) / 1000 };
    },
    async post(text) {
      const posted = await promisify(peer.db.create)({ keys: peer.config.keys, content: { type: "post", text } });
      return { posted: posted.value.sequence };
    },
  };
  const say = (answer) => process.stdout.write(JSON.stringify(answer) + "\n");
  say({ ready: true, address: peer.getAddress("device"), messages: await messages() });
  for await (const line of createInterface({ input: process.stdin })) {
    const [what, ...rest] = line.split(" ");
    say(await answers[what](rest.join(" ")));
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
