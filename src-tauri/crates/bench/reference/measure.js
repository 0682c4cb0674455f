// Does with ssb-db2 what the benchmarks do with Periwinkle, and prints one JSON object on stdout.
//
//   node measure.js ingest FOLDER FILE    stores the lines of FILE with addBatch: {"messages", "seconds", "megabytes"}
//   node measure.js ask FOLDER KEYS       the questions of the file KEYS, {NAME: [KEY, …]}: {NAME: [MILLISECONDS, …]}
//   node measure.js start FOLDER          opens FOLDER and prints its newest page: {"posts", "megabytes"}
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

async function open(folder) {
  const peer = load("secret-stack")({ caps: load("ssb-caps") })
    .use(load("ssb-db2"))
    .use(load("ssb-db2/compat/ebt"))({
    path: folder,
    keys: load("ssb-keys").loadOrCreateSync(path.join(folder, "secret")),
    timers: { inactivity: -1 },
    // Nobody calls, and nobody is called.
    connections: { incoming: {}, outgoing: {} },
  });
  await drained(peer, "base");
  return peer;
}

const drained = (peer, index) => new Promise((done) => peer.db.onDrain(index, done));

/** Everything below `folder` is on the disk, not only with the system. */
async function synced(folder) {
  for (const entry of await fs.readdir(folder, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue;
    const file = await fs.open(path.join(entry.parentPath ?? entry.path, entry.name), "r+");
    await file.sync();
    await file.close();
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

const [work, ...given] = process.argv.slice(2);
const works = { ingest, ask, start };
if (!(work in works)) throw new Error(`measure.js cannot ${work}: ingest, ask or start`);
works[work](...given).then((answer) => {
  process.stdout.write(JSON.stringify(answer) + "\n", () => process.exit(0));
});
