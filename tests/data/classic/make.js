// Makes the folders beside this file, with the libraries that classic apps use: `npm install && node make.js`.
//
//   db2/            as ssb-db2 leaves it: db2/log.bipf, one message deleted, two blobs
//   flume/          as ssb-db left it: flume/log.offset, one message deleted
//   widths/         the first five messages in logs with pointers of 48 and 53 bits, and of the oldest version
//   odd/            log.bipf and log.offset of messages with rare numbers, keys and texts, and odd.ndjson, the same as JSON
//   broken.bipf     one message whose text BIPF cannot carry (a lone surrogate)

const fs = require("node:fs");
const path = require("node:path");
const crypto = require("node:crypto");
const { promisify } = require("node:util");
const AsyncLog = require("async-append-only-log");
const OffsetLog = require("flumelog-offset");
const LegacyLog = require("flumelog-offset/legacy");
const json = require("flumecodec").json;
const bipf = require("bipf");
const caps = require("ssb-caps");
const ssbKeys = require("ssb-keys");
const validate = require("ssb-validate");

const here = (...parts) => path.join(__dirname, ...parts);
const fresh = (name) => {
  fs.rmSync(here(name), { recursive: true, force: true });
  fs.mkdirSync(here(name), { recursive: true });
  return here(name);
};
const sample = fs.readFileSync(here("../sample-2000.ndjson"), "utf8").split("\n").filter(Boolean).map((line) => JSON.parse(line));
const owner = JSON.parse(fs.readFileSync(here("../sample-2000.keys.json"), "utf8"))[0];
const keys = { curve: "ed25519", public: owner.public, private: owner.private, id: owner.id };

/** The newest message of another author among the first `count`: nothing hangs on it. */
function expendable(count) {
  const last = new Map();
  for (const message of sample.slice(0, count)) last.set(message.value.author, message.key);
  last.delete(keys.id);
  return [...last.values()].at(-1);
}

function secret(folder) {
  fs.rmSync(path.join(folder, "secret"), { force: true });
  ssbKeys.loadOrCreateSync(path.join(folder, "secret"));
  const text = fs.readFileSync(path.join(folder, "secret"), "utf8");
  const made = JSON.parse(text.replace(/\s*#[^\n]*/g, ""));
  const swapped = text.replaceAll(made.id, keys.id).replaceAll(made.private, keys.private).replaceAll(made.public, keys.public);
  fs.chmodSync(path.join(folder, "secret"), 0o600);
  fs.writeFileSync(path.join(folder, "secret"), swapped);
}

function blobs(folder) {
  for (const text of ["the tide table", "a picture of a shell"]) {
    const hash = crypto.createHash("sha256").update(text).digest("hex");
    const place = path.join(folder, "blobs/sha256", hash.slice(0, 2));
    fs.mkdirSync(place, { recursive: true });
    fs.writeFileSync(path.join(place, hash.slice(2)), text);
  }
}

async function db2(count) {
  const folder = fresh("db2");
  secret(folder);
  const stack = require("secret-stack")({ caps }).use(require("ssb-db2"));
  const app = stack.call(null, { path: folder, keys, caps, db2: {} });
  await new Promise((ready) => app.db.onDrain("base", ready));
  await Promise.all(sample.slice(0, count).map(({ value }) => promisify(app.db.add)(value)));
  await promisify((done) => app.db.getLog().onDrain(done))();
  await new Promise((ready) => app.db.onDrain("base", ready));
  await promisify(app.db.del)(expendable(count));
  await promisify((done) => app.db.getLog().onDrain(done))();
  await promisify((done) => app.db.getLog().onDeletesFlushed(done))();
  for (const name of fs.readdirSync(folder)) if (!["secret", "db2"].includes(name)) fs.rmSync(path.join(folder, name), { recursive: true });
  for (const name of fs.readdirSync(path.join(folder, "db2"))) if (!name.startsWith("log.bipf")) fs.rmSync(path.join(folder, "db2", name), { recursive: true });
  blobs(folder);
}

async function offset(log, messages, remove) {
  const places = new Map();
  for (const message of messages) places.set(message.key, await promisify(log.append)(message));
  if (remove) await promisify(log.del)(places.get(remove));
}

async function flume(count) {
  const folder = fresh("flume");
  secret(folder);
  const log = OffsetLog(path.join(folder, "flume/log.offset"), { codec: json, blockSize: 64 * 1024 });
  await offset(log, sample.slice(0, count), expendable(count));
}

async function widths() {
  const folder = fresh("widths");
  for (const bits of [48, 53]) {
    await offset(OffsetLog(path.join(folder, `${bits}.offset`), { codec: json, offsetCodec: bits }), sample.slice(0, 5));
  }
  await offset(LegacyLog(path.join(folder, "legacy.offset"), json), sample.slice(0, 5));
}

/** Signs `contents` as a feed of its own. */
function feed(contents) {
  const author = ssbKeys.generate("ed25519", crypto.createHash("sha256").update("odd").digest());
  let state = null;
  return contents.map((content, at) => {
    const value = validate.create(state, author, null, content, 1577836800000 + at * 0.25);
    const key = validate.id(value);
    state = { id: key, sequence: value.sequence, timestamp: value.timestamp, queue: [] };
    return { key, value, timestamp: 1577836900000 + at };
  });
}

async function blocks(file, messages) {
  const log = AsyncLog(file, { blockSize: 64 * 1024 });
  await promisify(log.append)(messages.map((message) => bipf.allocAndEncode(message)));
  await promisify((done) => log.onDrain(done))();
  await promisify(log.close)();
}

async function odd() {
  const folder = fresh("odd");
  const numbers = [0, -0, 1, -1, 0.1, -0.5, 1e21, 1e-7, 123456789012345680000, 2147483647, 2147483648, -2147483648, 5e-324, 1.7976931348623157e308, 1577836800556.5];
  const texts = ["", "\u0000\u001f\u007f\u2028\u2029", "🌊 море 海 é e\u0301", "\"\\/\b\f\n\r\t", "\ufeffmark"];
  const nested = (depth) => (depth ? { in: [nested(depth - 1)] } : null);
  const messages = feed([
    { type: "numbers", numbers, named: Object.fromEntries(numbers.map((number, at) => ["n" + at, number])) },
    { type: "texts", texts, named: Object.fromEntries(texts.map((text, at) => [text, at])) },
    { z: 1, 10: "ten", 2: "two", type: "keys", "01": "one", "-1": "less", 4294967294: "last index", 4294967295: "none", constructor: 1, toString: 2 },
    JSON.parse('{"type":"prototype","__proto__":{"a":1},"after":true}'),
    { type: "empty", list: [], object: {}, text: "", nothing: null, yes: true, no: false, mixed: [null, [], {}, [[]], [{}]] },
    { type: "nested", nested: nested(12) },
    { type: "full", text: "x".repeat(7000) },
  ]);
  fs.writeFileSync(path.join(folder, "odd.ndjson"), messages.map((message) => JSON.stringify(message) + "\n").join(""));
  await blocks(path.join(folder, "log.bipf"), messages);
  await offset(OffsetLog(path.join(folder, "log.offset"), { codec: json }), messages);
  await blocks(here("broken.bipf"), feed([{ type: "texts", text: "half \ud83c of a wave" }]));
}

(async () => {
  await db2(235);
  await flume(235);
  await widths();
  await odd();
  process.exit(0);
})();
